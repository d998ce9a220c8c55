"""For notebooks in Google Colab: name the GPU, and let runs outlive a disconnect. Outside Colab any
folder serves as the drive."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import hinas_lab
from hinas_lab.runs import folder
from hinas_lab.runs.packing import pack_run, packed, unpack_run

DRIVE = Path("/content/drive/MyDrive/hinas_lab")


def hello() -> None:
    """One line: the versions, and the GPU by name."""
    import torch

    gpu = (
        torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else "no GPU (preset classroom needs none)"
    )
    print(f"hinas_lab {hinas_lab.__version__}, torch {torch.__version__}, {gpu}")


@dataclass(frozen=True)
class Keeper:
    """Called after each checkpoint: packs a run that lies below ``root`` into the same place below
    ``drive``."""

    root: Path
    drive: Path

    def __call__(self, run: Path) -> None:
        if not run.resolve().is_relative_to(self.root):
            return
        try:
            pack_run(run, self.drive / run.resolve().relative_to(self.root))
        except OSError as error:  # a full Drive must not end a search
            warnings.warn(f"not kept on the drive: {error}", stacklevel=2)


def keep(
    root: str | Path = "runs", *, on_drive: bool = True, drive: str | Path | None = None
) -> None:
    """From now on each checkpoint of a run below ``root`` is packed into one file on ``drive``;
    runs that lie there and are missing here come back first, so ``open_search(..., resume=True)``
    continues them. Without ``drive`` Colab's Google Drive is mounted.

    With ``on_drive=False`` nothing happens. ValueError outside Colab without ``drive``.
    """
    if not on_drive:
        return
    root, drive = Path(root).resolve(), Path(drive) if drive is not None else mount()
    for kept in sorted({zipped.parent for zipped in drive.rglob("*.zip")}):
        run = root / kept.relative_to(drive)
        if (run / "config.json").exists() and not any(
            (run / name).exists() for name in ("state.safetensors", "best.safetensors")
        ):
            raise ValueError(
                f"{run}: was opened before keep(), and {kept} holds a longer one; delete {run}, then keep(), then open it"
            )
        if not (run / "config.json").exists():
            found = unpack_run(kept, run)
            print(f"{run}: " + (f"back from {found}" if found else f"no whole file in {kept}"))
    keeper = Keeper(root, drive)
    if keeper not in folder.AFTER_SAVE:
        folder.AFTER_SAVE.append(keeper)
    for config in root.rglob("config.json"):
        if not packed(drive / config.parent.relative_to(root)):
            keeper(config.parent)


def mount() -> Path:
    """Google Drive as a folder; asks for permission."""
    try:
        from google.colab import drive
    except ImportError:
        raise ValueError(
            "keep: this is not Colab; name a folder that lasts: keep(drive=...)"
        ) from None
    drive.mount("/content/drive")
    return DRIVE
