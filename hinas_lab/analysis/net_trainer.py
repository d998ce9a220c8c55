"""Nets of genotypes, trained alone and measured: what a shared-weight score cannot tell."""

from collections.abc import Callable
from functools import cached_property

from hinas_lab.analysis.jobs import measure
from hinas_lab.images.patches import Patches
from hinas_lab.images.protocol import default_protocol
from hinas_lab.images.tasks import TASKS
from hinas_lab.presets import Preset
from hinas_lab.restoration.measure import usual_level
from hinas_lab.restoration.restorer import restore_array
from hinas_lab.runs.folder import training_patches
from hinas_lab.space.genotype import Genotype
from hinas_lab.training.numerics import use_device
from hinas_lab.training.training import Training, train


class NetTrainer:
    """Trains nets as a preset's part ``train`` says, all with the same seed, and measures them on
    the test photographs of ``data`` under their task's own protocol; nothing is written.

    ``data``: a data set with a test part. ``device``: auto (a GPU where there is one), cpu, cuda,
    mps.
    """

    def __init__(self, settings: Preset, *, data: str = "builtin", device: str = "auto"):
        self.settings, self.data, self.device = settings, data, use_device(device)
        self.protocol = default_protocol(settings.space.task, settings.space.channels)
        self.words = (
            f"preset {settings.name}, {settings.train.iterations} iterations, mean of the test "
            f"photographs of {data}"
        )

    @cached_property
    def _patches(self) -> Patches:
        space = self.settings.space
        return training_patches(self.data, space.task, space.channels, space.scale, self.device)

    def __call__(self, genotype: Genotype, tell: Callable[[float], None]) -> float:
        """The mean PSNR in dB of the trained net.

        ``tell`` gets the share that is done, 0 to 1, after each record; what it raises ends the
        training. FloatingPointError when it diverges; ValueError for a genotype of another task.
        """
        space, config = self.settings.space, self.settings.train
        own = genotype.task, genotype.channels, genotype.scale
        if own != (space.task, space.channels, space.scale):
            raise ValueError(
                f"a net for {genotype.task}: preset {self.settings.name} trains for {space.task}"
            )
        state = Training(genotype, config, self._patches, space.residual)
        for step in train(state):
            tell(step.iteration / config.iterations)
        net = state.result_net()

        def restore(image):
            return restore_array(net, image, clip=False, device=self.device)

        has_levels = TASKS[space.task].has_levels
        level = usual_level(config.sigmas) if has_levels else space.scale
        return measure(restore, level, self.data, self.protocol)["psnr"]
