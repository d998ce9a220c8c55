"""What a ``Surgery`` shows, as HTML: its numbers, the drawing, a restored patch, what training
told."""

import io
from base64 import b64encode
from html import escape

import numpy as np

from hinas_lab.config import is_a
from hinas_lab.live.player import one_line
from hinas_lab.live.surgery import Surgery

WORDS = {
    "psnr": "PSNR (dB), shared weights",
    "ssim": "SSIM, shared weights",
    "score": "shared-weight score",
    "raw": "the same, batch norm not recomputed",
    "trained": "trained alone, PSNR (dB)",
}
"of scores, in a table"
WIDEST = 500
"pixels a drawing takes at most: above the fold of a laptop there is room for the patches, too"
TIGHT = "line-height: 1.4; margin: 0.4em 0"
"of paragraphs: ipywidgets gives a line of text the height of a button"
REACH = 2.2
"half the width of the picture of a difference, in noises"


def page(surgery: Surgery) -> str:
    """All of it, for a page without a kernel. The drawing is a picture: viewers that do not trust a
    notebook leave SVG out."""
    numbers, problem = table(surgery)
    patch, no_patch = patches(surgery)
    problems = "".join(paragraph(p) for p in (problem, no_patch) if p)
    return f"{numbers}{told(surgery)}{problems}{drawn(surgery)}{patch}"


def table(surgery: Surgery, scored: bool = True) -> tuple[str, str]:
    """The numbers and the changes in words, and in one line why there is no score."""
    problem = ""
    try:
        rows = surgery.rows(scored)
    except Exception as error:
        # Whatever the scorer met: the edit and its cost stand.
        rows = surgery.rows(scored=False)
        problem = f"no score: {one_line(error)}"
    lines = [_row("th", "", "before", "after", "difference")]
    for what, before, after in rows:
        numbers = _number(before), _number(after), _number(after - before, "+")
        lines.append(_row("td", WORDS.get(what, what), *numbers))
    changes = "; ".join(surgery.changes) or "No changes."
    look = "border-collapse: collapse; line-height: 1.3"
    numbers = f'<table style="{look}">{"".join(lines)}</table>'
    return numbers + paragraph(f"A valid genotype. {changes}"), problem


def paragraph(text: str) -> str:
    """Plain text as HTML."""
    return f'<p style="{TIGHT}">{escape(text)}</p>'


def _number(x: float, sign: str = "") -> str:
    return f"{x:{sign},}" if is_a(int, x) else f"{x:{sign}.4f}"


def _row(tag: str, name: str, *numbers: str) -> str:
    look = "padding: 0 0.4em; text-align:"
    cells = f'<{tag} style="{look} left">{escape(name)}</{tag}>'
    for number in numbers:
        cells += f'<{tag} style="{look} right; white-space: nowrap">{escape(number)}</{tag}>'
    return f"<tr>{cells}</tr>"


def drawn(surgery: Surgery) -> str:
    """The drawing; where nothing can render it, why not, and its DOT text."""
    drawing = surgery.drawing()
    try:
        return f'<div style="max-width: {WIDEST}px">{drawing.html()}</div>'
    except ValueError as error:
        return f"<p>{escape(str(error))}</p><pre>{escape(drawing.dot)}</pre>"


def patches(surgery: Surgery) -> tuple[str, str]:
    """One patch degraded, restored by the original wiring and by the edited one, each with its
    PSNR; and in one line why it is not there."""
    try:
        before, after = (surgery.patch(g) for g in (surgery.original, surgery.genotype))
    except Exception as error:
        return "", f"no patch: {one_line(error)}"
    if before is None:
        return "", ""
    from hinas_lab.images.metrics import psnr

    clean, degraded, restored = before
    shown = {"degraded": degraded, "found wiring": restored}
    if surgery.changes:
        shown["edited wiring"] = after[2]
    figures = ""
    for name, pixels in shown.items():
        decibel = f"{psnr(pixels, clean):.2f} dB"
        image = _image(pixels, f"{name}, {decibel}")
        words = f"<figcaption>{name}<br>{decibel}</figcaption>"
        figures += f'<figure style="margin: 0; flex: 0 1 32%">{image}{words}</figure>'
    return f'<div style="display: flex; gap: 2%; line-height: 1.3">{figures}</div>', ""


def _image(pixels: np.ndarray, alt: str) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.round(255 * pixels.clip(0, 1)).astype(np.uint8)).save(file, "png")
    look = "width: 100%; image-rendering: pixelated"
    source = f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
    return f'<img alt="{escape(alt)}" style="{look}" src="{source}">'


def told(surgery: Surgery) -> str:
    """What training the two nets alone tells about the edit, beside what chance does."""
    found, edited = (surgery.trained(g) for g in (surgery.original, surgery.genotype))
    if found is None or edited is None or not surgery.changes:
        return ""
    difference = edited - found
    if surgery.noise is None:
        verdict = "How far two trainings of one net lie apart is not known here."
        band = ""
    else:
        verdict = _verdict(difference, surgery.noise.db)
        verdict += f" The band: ± {surgery.noise.db:.2f} dB, {surgery.noise.words}."
        band = _band(difference, surgery.noise.db)
    words = f"Trained alone ({surgery.trainer.words}) the edited net lies {difference:+.2f} dB from"
    return band + paragraph(f"{words} the found one. {verdict}")


def _verdict(difference: float, noise: float) -> str:
    if abs(difference) <= noise:
        return "That is inside the band: training one of them again could turn it round."
    better = "better" if difference > 0 else "worse"
    return f"That is outside the band: the edited net is {better}, and hardly by chance."


def _band(difference: float, noise: float) -> str:
    """The difference as a dot on an axis, the noise as a grey band around 0, the found net."""
    end = REACH * max(noise, abs(difference) / 2)
    left, middle, right = (150 + 140 * x / end for x in (-noise, 0, noise))
    dot = 150 + 140 * difference / end
    alt = f"{difference:+.2f} dB; band from {-noise:.2f} to {noise:.2f} dB"
    return (
        f'<svg role="img" aria-label="{alt}" viewBox="0 0 300 44" style="max-width: 100%" '
        'width="300" height="44" font-size="11" font-family="sans-serif">'
        '<rect width="300" height="44" fill="#ffffff"/>'
        f'<rect x="{left:.1f}" y="4" width="{right - left:.1f}" height="22" fill="#d0d0d0"/>'
        '<path d="M10 15 H290" stroke="#333333"/>'
        f'<path d="M{middle:.1f} 4 V26" stroke="#333333"/>'
        f'<circle cx="{dot:.1f}" cy="15" r="5" fill="#d55e00"/>'
        f'<text x="{middle:.1f}" y="39" text-anchor="middle">found</text>'
        f'<text x="290" y="39" text-anchor="end">better: {end:+.2f} dB</text></svg>'
    )
