"""Where the data lies that travels with the packages: recorded runs, stored nets, published tables,
claims and records of studies. Nothing is loaded here."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def data(*names: str) -> Path:
    """A file or folder of that data: below ``data/`` of a checkout, below ``hinas_lab/data`` where
    the wheel put it. No promise that it is there."""
    # only a wheel has this folder
    inside = PACKAGE / "data"
    folder = inside if inside.is_dir() else PACKAGE.parent / "data"
    return folder.joinpath(*names)


def stored(kind: str, name: str, file: str) -> Path:
    """The folder ``name`` of data/``kind`` that holds ``file``. ValueError names the ones there
    are."""
    folder = data(kind, name)
    if name and (folder / file).is_file():
        return folder
    known = ", ".join(sorted(path.parent.name for path in data(kind).glob(f"*/{file}")))
    raise ValueError(f"{name!r}: no folder of data/{kind}; there are {known or 'none'}")
