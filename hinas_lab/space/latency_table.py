"""What the pieces of a compact net cost in milliseconds, as ``hinas-lab latency`` measured them on
one machine. Reading a table and adding its pieces up loads no torch."""

import json
import platform
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hinas_lab.config import TrainConfig, is_a
from hinas_lab.images.datasets.catalog import cache_folder
from hinas_lab.presets import Preset
from hinas_lab.space.budget import Shape
from hinas_lab.space.cost import Part, parts
from hinas_lab.space.genotype import Genotype
from hinas_lab.storage import read_json, write_json

LEAST_RHO = 0.9
"Spearman's rho of predicted and measured milliseconds, below which a table promises none"
FORMAT = 1
"of the file"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What milliseconds depend on, beside the net."""

    name: str
    "of the CPU, or of the GPU"
    device: str
    "as torch names it"
    torch: str
    "its version"
    threads: int | None
    "of a CPU; None where the work is not done by them"
    clock: str
    """what was read: cpu time with one thread, which neighbours on a shared machine hardly change,
    else wall time"""

    def __str__(self) -> str:
        threads = "" if self.threads is None else f", threads {self.threads}"
        return f"{self.name} ({self.device}{threads}, torch {self.torch})"


def this_machine(device: str = "cpu") -> Machine:
    """The machine of this process as it is set now. Loads torch."""
    import torch

    kind = device.partition(":")[0]
    name, threads = cpu_name(), None
    if kind == "cpu":
        threads = torch.get_num_threads()
    elif kind == "cuda":
        there = torch.cuda.is_available()
        name = torch.cuda.get_device_name(device) if there else "no NVIDIA GPU"
    # Windows counts CPU time in steps of 16 ms
    alone = threads == 1 and sys.platform != "win32"
    return Machine(
        name=name,
        device=device,
        torch=torch_version(),
        threads=threads,
        clock="cpu time" if alone else "wall time",
    )


def torch_version() -> str:
    """Of the torch that is installed, without loading it."""
    with suppress(PackageNotFoundError):
        return version("torch")
    return "none"


def cpu_name() -> str:
    """The CPU's name as its maker writes it, or the kind of machine where the system tells none."""
    with suppress(OSError):
        if sys.platform == "darwin":
            command = ["sysctl", "-n", "machdep.cpu.brand_string"]
            named = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        else:
            # no such file outside Linux; on some ARM systems it has no such line
            lines = Path("/proc/cpuinfo").read_text().splitlines()
            named = next((line for line in lines if line.startswith("model name")), "")
        name = " ".join(named.rpartition(":")[2].split())
        if name:
            return name
    return platform.processor() or platform.machine() or "unknown CPU"


@dataclass(frozen=True, kw_only=True)
class TableShape(Shape):
    """What all nets of a table have in common."""

    scale: int
    channels: int

    @classmethod
    def of(cls, genotype, train: TrainConfig) -> "TableShape":
        """Of ``genotype``, which may be a SearchSpace, trained as ``train`` says."""
        trained = asdict(Shape.trained(train))
        return cls(scale=genotype.scale, channels=genotype.channels, **trained)

    @property
    def net(self) -> dict:
        """What a net and its cost take beside the genotype."""
        return {"width": self.width, **self.words}


@dataclass(frozen=True, kw_only=True)
class LatencyTable:
    """Milliseconds of a compact net and of its pieces, for one picture of 320 x 480 pixels (the
    network's input) as ``restore`` runs it: folded batch norms, channels-last."""

    pieces: dict[Part, float]
    "milliseconds, fitted to whole nets"
    fixed: float
    "milliseconds of every net beside its pieces"
    machine: Machine
    shape: TableShape
    preset: str
    "whose search space was measured"
    date: str
    rho: float
    """Spearman's, of predicted and measured milliseconds of random nets that the fit did not see;
    nan where it does not exist"""
    median_error: float
    "of the same nets, in percent of what was measured"

    def __post_init__(self):
        numbers = [self.fixed, *self.pieces.values()]
        if not all(is_a(float, ms) and ms >= 0 for ms in numbers):
            raise ValueError("a piece without milliseconds, which must be 0 or more")

    @property
    def command(self) -> str:
        """What measures nets of the same space."""
        task = f" --task sr --scale {self.shape.scale}" if self.shape.scale > 1 else ""
        return f"hinas-lab latency --preset {self.preset}{task}"

    def part_cost(self, part: Part) -> float:
        """Milliseconds of one piece of a net. ValueError when it was not measured."""
        # built and not run
        if part.kind == "low unused":
            return 0.0
        if part not in self.pieces:
            raise ValueError(
                f"latency table of preset {self.preset}: holds no {part.kind} from {part.source} "
                f"to {part.target} channels; measure the net's own space: "
                "hinas-lab latency --preset NAME"
            )
        return self.pieces[part]

    def predict(
        self, genotype: Genotype, width: int, stem: int = 64, end: str = "conv", repeats: int = 2
    ) -> float:
        """Milliseconds of the compact net. ValueError when the table is of nets of another
        shape."""
        g = genotype
        asked = TableShape(
            scale=g.scale, channels=g.channels, width=width, stem=stem, end=end, repeats=repeats
        )
        self.check_shape(asked)
        pieces = parts(genotype, width, stem, end, repeats)
        return self.fixed + sum(self.part_cost(part) for part in pieces)

    def check_shape(self, asked: TableShape):
        """ValueError in one line when the table was measured for nets of another shape."""
        for name, value in asdict(asked).items():
            measured = getattr(self.shape, name)
            if value != measured:
                raise ValueError(
                    f"latency table of preset {self.preset}: is for nets with {name} = "
                    f"{measured!r}, not {value!r}; measure the net's own space: "
                    "hinas-lab latency --preset NAME"
                )

    def check_machine(self):
        """ValueError in one line when another machine, torch or number of threads was measured, or
        when the table does not rank nets well enough to promise milliseconds."""
        here = this_machine(self.machine.device)
        if here != self.machine:
            raise ValueError(
                f"latency table of {self.machine}: this is {here}; measure here: {self.command}"
            )
        self.check_error()

    def check_error(self):
        """ValueError in one line when the table's own rho is below 0.9."""
        # nan is no promise, either
        if not self.rho >= LEAST_RHO:
            # neighbours hardly change the clock of one thread
            timed = "" if self.machine.clock == "cpu time" else ", or with --threads 1"
            raise ValueError(
                f"latency table of preset {self.preset}: promises no milliseconds, as it ranks "
                f"random nets with rho {self.rho:.2f}, below {LEAST_RHO}; measure again while the "
                f"machine is idle{timed}: {self.command} --rounds 20"
            )

    def save(self, path: str | Path):
        """Write the table as JSON, whole or not at all."""
        values = asdict(self) | {"format": FORMAT, "pieces": []}
        for part, ms in self.pieces.items():
            values["pieces"].append([*part, ms])
        write_json(Path(path), values)

    @classmethod
    def load(cls, path: str | Path) -> "LatencyTable":
        """Read ``save``'s file. ValueError in one line when it is missing, damaged or of another
        version."""
        path = Path(path)
        if not path.exists():
            raise ValueError(f"{path}: no such latency table; make it: hinas-lab latency")
        values = read_json(path)
        try:
            if values.pop("format") != FORMAT:
                raise ValueError("of another version")
            return cls(**_typed(values))
        except (KeyError, TypeError, ValueError) as error:
            why = f"no {error}" if isinstance(error, KeyError) else error
            raise ValueError(
                f"{path}: damaged, or no latency table ({why}); make it again: hinas-lab latency"
            ) from None


def _typed(values: dict) -> dict:
    """The fields of a LatencyTable from JSON."""
    pieces = {}
    for kind, source, target, ms in values["pieces"]:
        pieces[Part(kind, source, target)] = ms
    typed = {
        "pieces": pieces,
        "machine": Machine(**values["machine"]),
        "shape": TableShape(**values["shape"]),
    }
    for name in ("rho", "median_error"):
        # JSON has no nan
        value = values[name]
        typed[name] = float("nan") if value is None else value
        if not isinstance(typed[name], float):
            raise ValueError(f"{name} = {json.dumps(value)}: must be a number")
    for name in ("preset", "date"):
        if not isinstance(values[name], str):
            raise ValueError(f"{name} = {json.dumps(values[name])}: must be a word")
    return values | typed


def table_path(preset: Preset, device: str = "cpu") -> Path:
    """Where the table of ``preset`` on this machine lies unless another file is named: below the
    folder of downloads, ``$HINAS_DATA`` or the user's cache folder. Loads torch."""
    machine = this_machine(device)
    threads = [] if machine.threads is None else [f"{machine.threads} threads"]
    space = preset.space
    words = [machine.name, device, *threads, preset.name, space.task, f"x{space.scale}"]
    name = re.sub(r"[^a-z0-9.]+", "-", " ".join(words).lower()).strip("-")
    return cache_folder() / "latency" / f"{name}.json"
