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
    """One line: the versions, the GPU by name, and the short format that it computes fast."""
    # these take seconds: only a notebook that says hello waits for them
    import torch

    from hinas_lab.training.numerics import check_precision

    gpu = "no GPU (preset classroom needs none)"
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_name("cuda")
        try:
            check_precision("bfloat16", "cuda")
            gpu += ", short format bfloat16"
        except ValueError:  # a T4
            gpu += ", short format float16"
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
    root = Path(root).resolve()
    drive = mount() if drive is None else Path(drive)
    for kept in sorted({zipped.parent for zipped in drive.rglob("*.zip")}):
        _bring_back(kept, root / kept.relative_to(drive))
    keeper = Keeper(root, drive)
    # a cell that is run twice must not pack each checkpoint twice
    if keeper not in folder.AFTER_SAVE:
        folder.AFTER_SAVE.append(keeper)
    for config in root.rglob("config.json"):
        if not packed(drive / config.parent.relative_to(root)):
            keeper(config.parent)


def _bring_back(kept: Path, run: Path):
    """Unpack what the drive has of ``run``, unless it is here. ValueError for a run that was opened
    and not yet saved: it would be continued from nothing."""
    if not (run / "config.json").exists():
        source = unpack_run(kept, run)
        print(f"{run}: " + (f"back from {source}" if source else f"no whole file in {kept}"))
    elif not ((run / "state.safetensors").exists() or (run / "best.safetensors").exists()):
        raise ValueError(
            f"{run}: was opened before keep(), and {kept} holds a longer one; "
            f"delete {run}, then keep(), then open it"
        )


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
