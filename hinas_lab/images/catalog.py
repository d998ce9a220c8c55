"""Where clean pictures come from: the photographs inside the scikit-image wheel, or any folder. No torch.

The split of the built-in photographs is fixed: ``camera``, ``chelsea`` and ``coffee`` are for measuring and never trained on; the stereo
pair ``motorcycle_left`` / ``motorcycle_right`` stays on one side. Credits are in data/README.md.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

TEST = ("camera.png", "chelsea.png", "coffee.png")
TRAIN = ("astronaut.png", "brick.png", "cell.png", "clock_motion.png", "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg",
         "ihc.png", "moon.png", "motorcycle_left.png", "motorcycle_right.png", "page.png", "retina.jpg", "rocket.jpg", "text.png")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")


def photograph_path(name: str) -> Path:
    """The file of a built-in photograph inside the installed scikit-image."""
    return Path(find_spec("skimage").submodule_search_locations[0]) / "data" / name


def image_files(data: str, part: str = "train") -> list[Path]:
    """The image files of a data set, sorted: ``builtin`` (parts train, test) or a folder (all images below it).

    Raises ValueError or FileNotFoundError in one line when there is nothing to read.
    """
    if data == "builtin":
        return [photograph_path(name) for name in {"train": TRAIN, "test": TEST}[part]]
    folder = Path(data)
    if not folder.is_dir():
        raise FileNotFoundError(f"data = {data!r}: neither a known data set (builtin) nor a folder")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not files:
        raise ValueError(f"data = {data!r}: no images in this folder ({', '.join(SUFFIXES)})")
    return files


def load_image(path: Path, channels: int) -> np.ndarray:
    """One image as uint8: (H, W) gray (PIL's ``L``) for 1 channel, (H, W, 3) RGB for 3. ValueError names a file that cannot be read."""
    try:
        with Image.open(path) as image:
            if image.mode.startswith("I"):  # 16-bit gray: PIL's convert would clip, so scale
                wide = (np.asarray(image, dtype=np.float64) / 257).round().clip(0, 255).astype(np.uint8)
                image = Image.fromarray(wide)
            return np.asarray(image.convert("L" if channels == 1 else "RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: cannot be read as an image ({error})") from None


def load_images(data: str, channels: int, part: str = "train") -> dict[str, np.ndarray]:
    """Name -> uint8 image, for all images of a data set, in a fixed order."""
    files = image_files(data, part)
    root = Path(data)
    return {f.stem if data == "builtin" else f.relative_to(root).as_posix(): load_image(f, channels) for f in files}
