"""Names beside marks, each on the side where it covers least."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

SIDES = (
    (0, 1, "center", "bottom"),
    (1, 0, "left", "center"),
    (-1, 0, "right", "center"),
    (0, -1, "center", "top"),
)
"where a name may stand, in the order of preference: direction, alignment"
GAP = 3
"points between a mark and its name"


def place_labels(ax: Axes):
    """Move each annotation of ``ax`` to the side of its mark where it covers the fewest marks and
    no name placed before.

    Limits and layout must stand: call it when all is drawn.
    """
    figure = ax.get_figure()
    figure.draw_without_rendering()  # the layout is settled only now
    marks = marks_of(ax)
    placed = []
    for label in ax.texts:
        if isinstance(label, Annotation):
            _place(label, ax, marks, placed)
            placed.append(label.get_window_extent())


def marks_of(ax: Axes) -> list[Bbox]:
    """The boxes of all points of ``ax`` that are drawn as marks, in pixels."""
    boxes = []
    pixels = ax.get_figure().dpi / 72
    for line in ax.lines:
        if line.get_marker() not in ("None", "", None):
            places = ax.transData.transform(line.get_xydata())
            boxes += _boxes(places, line.get_markersize() * pixels)
    for collection in ax.collections:
        places = ax.transData.transform(collection.get_offsets())
        # a size is an area, in points squared
        boxes += _boxes(places, np.sqrt(collection.get_sizes()[0]) * pixels)
    return boxes


def _boxes(places: np.ndarray, size: float) -> list[Bbox]:
    return [Bbox.from_bounds(x - size / 2, y - size / 2, size, size) for x, y in places]


def _place(label: Annotation, ax: Axes, marks: list[Bbox], placed: list[Bbox]):
    """``label`` on its best side; the first of equals."""
    anchor = ax.transData.transform(label.xy)
    own = [mark.width / 2 for mark in marks if np.allclose((mark.p0 + mark.p1) / 2, anchor)]
    distance = max(own, default=0) * 72 / ax.get_figure().dpi + GAP

    def put(side: int):
        right, up, horizontal, vertical = SIDES[side]
        label.set(position=(right * distance, up * distance), ha=horizontal, va=vertical)

    def cost(side: int) -> tuple[int, int]:
        put(side)
        box = label.get_window_extent()
        outside = not (ax.bbox.x0 <= box.x0 and box.x1 <= ax.bbox.x1)
        return box.count_overlaps(placed) + outside, box.count_overlaps(marks)

    put(min(range(len(SIDES)), key=cost))
