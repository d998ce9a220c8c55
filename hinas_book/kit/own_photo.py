"""A reader's own photograph in a lesson: named by its path, or put into an upload box."""

from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.figure import Figure
from torch import nn

from hinas_lab.drawing.plots import figure_restoration
from hinas_lab.drawing.style import png, theme
from hinas_lab.images.picture_file import READS
from hinas_lab.live.widgets import want_widgets
from hinas_lab.restoration.photo_file import (
    estimate_noise,
    noise_warning,
    read_photo,
    write_photo,
)
from hinas_lab.restoration.restorer import restore_photo

NOBODY = "no photograph yet: put one beside this notebook and set own to its name"


def own_photo(trained: tuple[nn.Module, dict], path: str = "", folder: str = "runs/own_photo"):
    """The photograph ``path`` (seen from the folder the notebook lies in) through a trained net
    (``load_network``), beside what it was, as a figure; a printed line says what was found.

    Without a path an upload box, where ``want_widgets`` says yes, else a line on what to do. The
    restored picture is written into ``folder`` as a PNG. A file that is not there, or is no
    photograph, is one printed line.
    """
    if path:
        try:
            line, figure = _restored(trained, Path(path), Path(folder))
        except (ValueError, OSError) as error:
            print(f"{error} (looked for in {Path.cwd()})")
            return None
        print(line)
        return figure
    if want_widgets():
        return _upload_box(trained, Path(folder))
    print(NOBODY)
    return None


def _restored(trained: tuple[nn.Module, dict], path: Path, folder: Path) -> tuple[str, Figure]:
    """What is to be said of the photograph, and both pictures."""
    net, info = trained
    photo = read_photo(path)
    noise = estimate_noise(photo.pixels)
    restored = restore_photo(net, photo)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{path.stem}-restored.png"
    write_photo(target, restored)
    line = f"{path.name}: estimated noise {noise:.1f} -> {target}"
    warning = noise_warning(noise, info["sigmas"] if info["task"] == "denoise" else [])
    if warning:
        line += f"; {warning}"
    with theme():
        return line, figure_restoration({path.name: photo.pixels, "restored": restored.pixels})


def _upload_box(trained: tuple[nn.Module, dict], folder: Path):
    """An ipywidgets box: choose a file, and what comes of it appears below."""
    from ipywidgets import HTML, FileUpload, Image, VBox

    upload = FileUpload(accept="image/*", description="Your photo")
    status = HTML(f"<p>{', '.join(READS)}; it stays on this machine.</p>")
    picture = Image(format="png", layout={"max_width": "100%", "display": "none"})

    def show(change):
        if not change["new"]:
            return
        name, content = uploaded(change["new"])
        status.value = "<p>restoring ...</p>"
        with TemporaryDirectory() as temporary:
            # a browser may send a path: only its last part is a name here
            path = Path(temporary) / Path(name).name
            path.write_bytes(content)
            try:
                line, figure = _restored(trained, path, folder)
            except (ValueError, OSError) as error:
                status.value = f"<p>{escape(str(error).replace(f'{path}', path.name))}</p>"
                return
        status.value = f"<p>{escape(line)}</p>"
        picture.value = png(figure)
        picture.layout.display = ""

    upload.observe(show, names="value")
    return VBox([upload, status, picture])


def uploaded(value: tuple | dict) -> tuple[str, bytes]:
    """Name and bytes of the first file of a FileUpload: ``value`` of ipywidgets 7 (Colab) or 8."""
    if isinstance(value, dict):
        name, file = next(iter(value.items()))
        return name, file["content"]
    return value[0]["name"], value[0]["content"]
