"""What ``import hinas_lab as lab`` offers: a search, a training, a measurement and a restoration in
one call each, for a notebook or a script of one's own.

Every function is a thin layer over the rooms below it; ``lab.preset(...)`` is where settings come
from, and ``dataclasses.replace`` changes them.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from hinas_lab.presets import Preset, preset

if TYPE_CHECKING:  # loaded when they are needed: importing this module is cheap
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from hinas_lab.drawing.diagram.drawing import Drawing
    from hinas_lab.runs.folder import Run
    from hinas_lab.space.genotype import Genotype
    from hinas_lab.space.network import Network


def search(
    data: str | Path = "builtin",
    *,
    preset: Preset | str = "classroom",
    run: str | Path = "runs/search",
    seed: int | None = None,
    device: str = "auto",
    resume: bool = True,
    budget: str | None = None,
    latency: str | Path | None = None,
) -> "Run":
    """Open a search for the operations and widths of a net; it is played by what you do with it.

    ``lab.panel(run)`` plays it where you watch, ``run.finish()`` plays it to its end behind a
    progress bar, ``for record in run.steps()`` goes step by step (break: stop; the run goes on
    where it was). When it is finished, ``run.genotype`` is what was found.

    data: a folder of your own pictures (gray or colour, at least as large as a patch), a data set
    of ``hinas-lab data list``, or ``builtin``: 16 photographs of scikit-image.
    preset: a name (tiny, classroom, study, paper/10, paper, printed, authors) for denoising, or
    ``lab.preset(name, "sr", 4)``, or one that you changed.
    run: the folder that holds everything; a search that is there already is continued.
    seed: another one than the preset's; the same seed, device and thread count give the same bits.
    device: auto (an NVIDIA GPU where there is one, else the CPU), cpu, cuda, cuda:1, mps.
    resume: False refuses a folder that holds a run.
    budget: what the found net may cost once it is trained: MACs of 320 x 480 pixels (``1.5GMAC``,
    ``800MMAC``), parameters (``0.2M``, ``30k``) or milliseconds of the same picture (``30ms``).
    latency: a table of this machine, which a budget in ms needs (``hinas-lab latency``).

    Returns the opened ``Run``. Asked again while its panel plays it, the same one; where another
    process plays it, one that can be looked at. ValueError in one line for a wrong setting, or a
    folder that holds another search or something else.
    """
    from hinas_lab.runs.folder import look_at, open_search
    from hinas_lab.storage import Held
    from hinas_lab.training.numerics import use_device

    settings = _settings(preset, seed)
    if budget is not None or latency is not None:
        settings = settings.with_budget(budget, latency)
    name = str(Path(run).resolve())
    opened = _OPEN.get(name) if resume else None
    if opened is not None and _is_playing(opened, settings, str(data)):
        return opened
    device = use_device(device)
    try:
        opened = open_search(run, settings, data=str(data), device=device, resume=resume)
    except Held as error:
        return look_at(run, str(error))
    _OPEN[name] = opened
    return opened


_OPEN: "WeakValueDictionary[str, Run]" = WeakValueDictionary()
"what ``search`` opened here, by its folder"


def _is_playing(run: "Run", settings: Preset, data: str) -> bool:
    """Whether a panel plays or shows this search, or the one that was opened from it."""
    from hinas_lab.config import to_dict

    panel = vars(run).get("_panel")
    if panel is None or panel.player.state in ("stopped", "failed"):
        return False
    asked = to_dict(settings.space), to_dict(settings.search), data
    return asked == (run.header["space"], run.header["search"], run.header["data"])


def train(
    found: "Genotype | Run | str | Path",
    data: str | Path = "builtin",
    *,
    preset: Preset | str = "classroom",
    run: str | Path = "runs/train",
    seed: int | None = None,
    device: str = "auto",
    resume: bool = True,
) -> "Run":
    """Open a training of the net of a genotype, with first weights of its own.

    ``run.finish()`` trains to the end behind a progress bar; ``lab.restore`` and ``lab.evaluate``
    then take the run.

    found: a ``Genotype``, a finished search (the ``Run``, or its folder), or a genotype.json.
    data: a folder of your own pictures, a data set of ``hinas-lab data list``, or ``builtin``.
    preset: a name, or a preset that you changed; its part ``train`` counts.
    run: the folder that holds everything; a training that is there already is continued.
    seed: another one than the preset's; the same seed, device and thread count give the same bits.
    device: auto (an NVIDIA GPU where there is one, else the CPU), cpu, cuda, cuda:1, mps.
    resume: False refuses a folder that holds a run.

    Returns the opened ``Run``. ValueError in one line for a wrong setting, an unfinished search,
    or a folder that holds something else.
    """
    from hinas_lab.runs.folder import open_training
    from hinas_lab.runs.header import load_genotype, read_header
    from hinas_lab.space.genotype import Genotype
    from hinas_lab.training.numerics import use_device

    folder = None if isinstance(found, Genotype) else _folder_of(found)
    if folder is not None:
        found = load_genotype(folder)
    # a name means the preset of the genotype's own task: they are trained differently
    settings = _settings(preset, seed, found.task, found.scale)
    if folder is not None and folder.is_dir():  # residual learning as in the search
        header = read_header(folder)
        residual = header.get("residual", header.get("space", {}).get("residual"))
        settings = settings._replace(space=replace(settings.space, residual=residual))
    return open_training(
        run, found, settings, data=str(data), device=use_device(device), resume=resume
    )


def load(what: "Run | Network | str | Path", device: str = "cpu") -> "Network":
    """A trained net, for use: a torch module (B, C, H, W) in [0, 1] -> the restored image.

    what: a finished training (the ``Run``, or its folder) or the name of a stored net
    (``data/nets``: net-50, net-all-sigmas, net-x4, ...). A net is returned as it is.
    device: where it shall be: cpu, cuda, mps, or auto (an NVIDIA GPU where there is one).

    The net carries ``channels``, ``scale`` and ``radius`` (how many pixels to each side an output
    pixel depends on), and ``trained_for``: task, scale, channels, sigmas, preset, seed, parameters
    and data. ValueError names the stored nets, or says what is wrong with the run.
    """
    from torch import nn

    from hinas_lab.paths import stored
    from hinas_lab.runs.folder import load_network
    from hinas_lab.training.numerics import use_device

    if isinstance(what, nn.Module):
        if not hasattr(what, "trained_for"):
            raise ValueError(f"{type(what).__name__}: is no net that lab.load gave")
        return what
    folder = _folder_of(what)
    if not folder.exists():
        folder = stored("nets", str(what), "best.safetensors")
    net, net.trained_for = load_network(folder, use_device(device))
    return net


def restore(
    net: "Network | Run | str | Path",
    picture: "np.ndarray | str | Path",
    out: str | Path | None = None,
    *,
    tile: int | None = None,
    device: str = "auto",
) -> "np.ndarray":
    """Restore a picture: a photograph from a file, or an array.

    net: what ``lab.load`` takes.
    picture: a file (PNG, JPEG, TIFF, WebP, ...; gray or colour, 8 or 16 bits), or an array (H, W)
    or (H, W, 3), float in [0, 1] or uint8. A gray net takes colour channel by channel.
    out: write the result there, too (.png, .jpg, .tif, .webp); EXIF and transparency are kept.
    tile: restore in tiles of that side, in pixels: less memory, the same values.
    device: auto (an NVIDIA GPU where there is one, else the CPU), cpu, cuda, cuda:1, mps.

    Returns float32 in [0, 1], scale times as high and wide. ValueError in one line for a file that
    is no picture, or an array of another kind.
    """

    from hinas_lab.restoration.photo_file import Photo, check_output, read_photo, write_photo
    from hinas_lab.restoration.restorer import restore_photo
    from hinas_lab.training.numerics import use_device

    device, net = use_device(device), load(net)
    if isinstance(picture, str | Path):
        photo = read_photo(Path(picture))
    else:
        photo = Photo(pixels=_pixels(picture))
    # before the work: a wrong ending is told at once
    if out is not None:
        check_output(Path(out), photo, net.scale)
    restored = restore_photo(net, photo, tile=tile, device=device)
    if out is not None:
        write_photo(Path(out), restored)
    return restored.pixels


def evaluate(
    net: "Network | Run | str | Path",
    data: str | Path,
    *,
    level: float | None = None,
    protocol: str | None = None,
    limit: int | None = None,
    device: str = "auto",
) -> "pd.DataFrame":
    """Measure a net on clean pictures: degraded, restored and compared under a named protocol.

    net: what ``lab.load`` takes.
    data: a folder of clean pictures, or a data set of ``hinas-lab data list`` (its test part).
    level: sigma of the noise on the 0-255 scale (default: what the net was trained for); of a
    super-resolution net always its scale.
    protocol: ``whole``, ``sr-standard``, ... or with changes, ``whole + border=4``; default: the
    task's own. Rows are comparable only where it is the same.
    limit: the first so many pictures.
    device: auto (an NVIDIA GPU where there is one, else the CPU), cpu, cuda, cuda:1, mps.

    Returns a DataFrame, a row a picture: image, method, protocol, sigma or scale, psnr (dB), ssim,
    seconds; the mean is ``frame[["psnr", "ssim"]].mean()``. ValueError when the net and the
    protocol do not fit, or the pictures are too small.
    """
    from itertools import islice

    import pandas as pd

    from hinas_lab.images.datasets.catalog import read_images
    from hinas_lab.images.protocol import default_protocol
    from hinas_lab.images.protocol import protocol as named_protocol
    from hinas_lab.restoration.measure import evaluate as measure_all
    from hinas_lab.restoration.measure import usual_level
    from hinas_lab.restoration.restorer import restore_array
    from hinas_lab.training.numerics import use_device

    device, name = use_device(device), _name_of(net)
    net = load(net)
    if limit is not None and limit < 1:
        raise ValueError(f"limit = {limit}: must be at least 1")
    task, sigmas = net.trained_for["task"], net.trained_for["sigmas"]
    chosen = named_protocol(protocol or default_protocol(task, net.channels))
    if chosen.task != task:
        raise ValueError(f"protocol {chosen.name} is for {chosen.task}, the net for {task}")
    if task == "sr":
        level = net.scale
    elif level is None:
        level = usual_level(sigmas)
    if not 0 <= level <= 255:
        raise ValueError(f"level = {level}: must be from 0 to 255")

    def restored(image):
        return restore_array(net, image, clip=False, device=device)

    images = read_images(str(data), "test")
    rows = measure_all(name, restored, images, level, chosen)
    values = []
    for row in islice(rows, limit):
        what = {"image": row.image, "method": row.method, "protocol": row.protocol}
        values.append({**what, chosen.level: level, **row.scores, "seconds": row.seconds})
    return pd.DataFrame(values)


def panel(run: "Run", **options):
    """Watch a search while it runs: alpha, beta, losses, the genotype and a restored patch, with
    buttons to start, pause, step and stop. Show the returned object as a cell's last value.

    run: what ``lab.search`` returned. Without widgets (HINAS_LIVE=0, a script, preset tiny) this
    call plays the search to its end and leaves a picture. ``.result()`` waits for the end.
    options: those of ``hinas_lab.live.panel.panel`` (fps, share, live).
    """
    from hinas_lab.live.panel import panel as show

    return show(run, **options)


def replay(run: "Run | str | Path", other: "Run | str | Path | None" = None):
    """A recorded search, played again with a time slider; nothing is computed, no torch is needed.

    run: a finished or running search (the ``Run``, or its folder), or the name of one that is
    recorded in ``data/runs`` (classroom, hasty, affine, ...). other: a second one on the same time
    axis. Without widgets: its last picture as a figure. ValueError names the recorded ones.
    """
    from hinas_lab.live.replay import replay as show
    from hinas_lab.paths import stored

    folders = []
    for searched in (run, other):
        folder = None if searched is None else _folder_of(searched)
        if folder is not None and not folder.exists():
            folder = stored("runs", str(searched), "records.npz")
        folders.append(folder)
    return show(*folders)


def draw(what) -> "Drawing":
    """What was found, or where it was looked for, as a drawing that shows itself in a notebook.

    what: a ``Genotype``, a finished search or training (the ``Run``, its folder, or a
    genotype.json): its cells and its width path. A ``SearchSpace``, or a preset: the whole network
    of the search.

    The drawing writes itself: ``drawing.save("found.svg")`` (.svg, .png, .pdf, .dot).
    """
    from hinas_lab.config import SearchSpace
    from hinas_lab.drawing.genotype_graph import draw_genotype
    from hinas_lab.drawing.search_space import draw_network
    from hinas_lab.runs.header import load_genotype
    from hinas_lab.space.genotype import Genotype

    if isinstance(what, Preset):
        what = what.space
    if isinstance(what, SearchSpace):
        return draw_network(what)
    if not isinstance(what, Genotype):
        found = getattr(what, "genotype", None)  # of a Run
        what = load_genotype(_folder_of(what)) if found is None else found
    return draw_genotype(what)


def explore(
    what,
    *,
    cost: str = "macs",
    quality: str = "psnr",
    budget: str | float | None = None,
    device: str = "auto",
):
    """Which net is worth its price? Quality against cost of trained nets, in a notebook with
    widgets: click on a point, or choose in the list, and see its numbers, its wiring and a picture
    that it restored. Show the returned object as a cell's last value.

    what: a folder of training runs, a study's record (its JSON file, or its name in
    ``data/studies``: search, widths, ...), or the rows of one. A run that no study measured is
    measured on the built-in test pictures, which takes about a second.
    cost: macs, parameters, or milliseconds (of runs: measured here when it is asked for).
    quality: psnr or ssim.
    budget: of the cost, a vertical line: a number, or as for ``lab.search`` (``"1.5GMAC"``,
    ``"0.2M"`` parameters, ``"30ms"``).
    device: auto (an NVIDIA GPU where there is one, else the CPU), cpu, cuda, cuda:1, mps.

    Without widgets the figure of ``lab.draw_tradeoff``. ValueError in one line where there are no
    trained nets, or a number of a record is none.
    """
    from hinas_lab.live.explore import explore as show

    return show(_nets_of(what), cost=cost, quality=quality, budget=budget, device=device)


def draw_tradeoff(
    what,
    *,
    cost: str = "macs",
    quality: str = "psnr",
    budget: str | float | None = None,
    device: str = "auto",
) -> "Figure":
    """``lab.explore`` as a still, a matplotlib figure: a mark per method, its area by parameters,
    the Pareto front with its band, a line at the budget, and a ring around the best net within it.

    what, cost, quality, budget, device: as for ``lab.explore``. The band holds 95 of 100 fronts of
    as many nets drawn from these with replacement (seed 0). What cannot be compared with the others
    is left out and named below. ValueError as for ``lab.explore``.
    """
    from hinas_lab.live.explore import still

    return still(_nets_of(what), cost=cost, quality=quality, budget=budget, device=device)


def _nets_of(what):
    """What ``find_nets`` takes: runs by their folder."""
    return _folder_of(what) if hasattr(what, "folder") else what


def _settings(chosen: Preset | str, seed: int | None, task: str = "", scale: int = 1) -> Preset:
    """The preset, with another seed; of ``task`` and ``scale`` where a genotype says them."""
    if isinstance(chosen, str):
        chosen = preset(chosen, task, scale) if task else preset(chosen)
    if not isinstance(chosen, Preset):
        raise ValueError(f"preset = {chosen!r}: must be a name, or what lab.preset(...) gives")
    if task and (chosen.space.task, chosen.space.scale) != (task, scale):
        asked = f"{chosen.space.task} x{chosen.space.scale}"
        raise ValueError(f"preset: is for {asked}, the genotype for {task} x{scale}")
    return chosen if seed is None else chosen.with_seed(seed)


def _pixels(picture) -> "np.ndarray":
    """An array (H, W) or (H, W, 3) as float32 in [0, 1]; ValueError for anything else."""
    import numpy as np

    pixels = np.asarray(picture)
    if pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)) or pixels.size == 0:
        raise ValueError(f"picture: {pixels.shape}: must be (H, W) or (H, W, 3), not empty")
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / 255
    if pixels.dtype.kind != "f" or not np.isfinite(pixels).all():
        raise ValueError(f"picture: {pixels.dtype}: must be uint8, or finite floats in [0, 1]")
    return pixels.astype(np.float32)


def _folder_of(what: "Run | str | Path") -> Path:
    folder = getattr(what, "folder", what)
    if not isinstance(folder, str | Path):
        raise ValueError(f"{type(what).__name__}: must be a run, its folder, or a name")
    return Path(folder)


def _name_of(net) -> str:
    named = isinstance(net, str | Path) or hasattr(net, "folder")
    return _folder_of(net).name if named else "net"


__all__: Sequence[str] = (
    "draw",
    "draw_tradeoff",
    "evaluate",
    "explore",
    "load",
    "panel",
    "preset",
    "replay",
    "restore",
    "search",
    "train",
)
