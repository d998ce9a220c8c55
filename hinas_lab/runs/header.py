"""A run's config.json and genotype.json: what was asked, and what came out. No torch."""

from pathlib import Path

from hinas_lab.config import SearchConfig, SearchSpace, TrainConfig, check_types, is_a
from hinas_lab.space.genotype import Genotype
from hinas_lab.storage import check_json_size, read_json

FORMAT = 1
"of config.json; a run of another format is refused"
FIELDS = {
    "search": {"preset", "data", "space", "search"},
    "train": {"preset", "data", "genotype", "residual", "train"},
    "peer": {"preset", "data", "data_hash", "peer", "task", "scale", "train"},
}
"the keys of config.json that each kind of run has"
PARTS = {"space": SearchSpace, "search": SearchConfig, "train": TrainConfig}
"key -> the config that it holds"
TYPES = {
    "preset": str,
    "data": str,
    "data_hash": str,
    "peer": str,
    "task": str,
    "scale": int,
    "residual": bool,
    "genotype": dict,
}


def read_header(folder: str | Path) -> dict:
    """A run's config.json, checked. ValueError in one line when the folder is no run, of a newer
    version, or damaged."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such run folder")
    if not (folder / "config.json").exists():
        raise ValueError(f"{folder}: not a run folder (no config.json)")
    # never a pickle: nothing in a run folder can execute code
    header = read_json(folder / "config.json")
    # text, as a damaged file may hold a list, which is no key
    fields = FIELDS.get(str(header.get("kind")))
    if header.get("format") != FORMAT or fields is None or not fields <= header.keys():
        raise ValueError(f"{folder / 'config.json'}: not a run of this version of hinas_lab")
    try:
        _check_header(header)
    except ValueError as error:
        raise ValueError(f"{folder / 'config.json'}: {error}") from None
    return header


def _check_header(header: dict):
    """ValueError unless every key has its type; configs are held to their limits by whoever builds
    from them."""
    for name, value in header.items():
        if name in TYPES and not is_a(TYPES[name], value):
            raise ValueError(f"{name} = {value!r}: must be a {TYPES[name].__name__}")
        if name in PARTS:
            check_types(PARTS[name], value)


def read_environment(folder: str | Path) -> dict:
    """A run's env.json: where it was made, and last went on. ValueError in one line when it is
    missing or damaged."""
    path = Path(folder) / "env.json"
    values = read_json(path)
    resumed = values.get("resumed", [values])
    machines = isinstance(resumed, list) and all(isinstance(where, dict) for where in resumed)
    if not (resumed and machines and is_a(str, values.get("device", "cpu"))):
        raise ValueError(f"{path}: damaged (device must be a word, resumed a list of machines)")
    return values


def load_genotype(path: str | Path) -> Genotype:
    """A genotype from its JSON file or from a finished run's folder. ValueError in one line for
    anything else."""
    path = Path(path)
    if path.is_dir():
        path = _genotype_file(path)
    try:
        check_json_size(path)
        text = path.read_text()
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as a genotype ({type(error).__name__})") from None
    try:
        return Genotype.from_json(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _genotype_file(run: Path) -> Path:
    """The genotype.json of a run folder; ValueError says why there is none."""
    header = read_header(run)
    if header["kind"] == "peer":
        raise ValueError(
            f"{run}: is a training of {header['peer']}, which has no genotype; "
            "hinas-lab study peers --train measures it"
        )
    path = run / "genotype.json"
    if not path.exists():
        raise ValueError(
            f"{run}: this run is not finished, it has no genotype yet; "
            "continue it with --resume, or run.finish()"
        )
    return path


def flat(values: dict, prefix: str = "") -> dict:
    """{"a": {"b": 1}} -> {"a.b": 1}."""
    names = {}
    for name, value in values.items():
        if isinstance(value, dict):
            names |= flat(value, f"{prefix}{name}.")
        else:
            names[prefix + name] = value
    return names
