"""The drawing without Graphviz: a small layered layout in matplotlib. A cell is tiny and already in topological order."""

import io

from hinas_lab.draw import style
from hinas_lab.draw.diagram.drawing import BOXES, LINE, LINES, Drawing, Group
from hinas_lab.space.ops import OPS


def _layout(group: Group) -> tuple[dict[str, tuple[float, float]], list[list[str]]]:
    """Places (column, row) of the nodes, chips and bends of a group, and per edge its chain of places.

    Columns are longest-path depths, two apart (the column between holds the chips). Rows are ordered by the mean of
    their neighbours, then relaxed towards it. A trellis has its rows given and needs no bends.
    """
    depth = {id: 2 * c for id, c in group.columns().items()}
    if group.nodes[0].row is not None:
        return {n.id: (depth[n.id], n.row) for n in group.nodes}, [
            [edge.tail, edge.head] for edge in group.edges
        ]

    columns = [
        [n.id for n in group.nodes if depth[n.id] == c] for c in range(max(depth.values()) + 1)
    ]
    chains, near = [], {}
    for n, edge in enumerate(group.edges):
        between = range(depth[edge.tail] + 1, depth[edge.head])
        inner = [edge.chip if edge.chip and c == between[0] else f"bend {n} {c}" for c in between]
        for c, k in zip(between, inner):
            columns[c].append(k)
        chains.append([edge.tail, *inner, edge.head])
        for x, y in zip(chains[-1], chains[-1][1:]):
            near.setdefault(x, []).append(y)
            near.setdefault(y, []).append(x)
    if len(set(depth.values())) == len(group.nodes) and len({(c[0], c[-1]) for c in chains}) == len(
        chains
    ):
        return _line(depth, chains)
    rows = {k: i - (len(ids) - 1) / 2 for ids in columns for i, k in enumerate(ids)}
    for sweep in range(24):
        for ids in columns if sweep % 2 == 0 else reversed(columns):
            wanted = {
                k: sum(rows[x] for x in near[k]) / len(near[k]) if k in near else rows[k]
                for k in ids
            }
            if sweep < 8:
                ids.sort(key=wanted.get)
            for i, k in enumerate(ids):
                room = 0.5 if i and k.startswith("bend") and ids[i - 1].startswith("bend") else 0.9
                rows[k] = max(wanted[k], rows[ids[i - 1]] + room) if i else wanted[k]
            drift = sum(rows[k] - wanted[k] for k in ids) / len(ids)
            rows |= {k: rows[k] - drift for k in ids}
    return {k: (c, rows[k]) for c, ids in enumerate(columns) for k in ids}, chains


def _line(depth: dict[str, int], chains: list[list[str]]):
    """A layout for boxes in one line: arrows that leap over boxes each in a lane above or below it, the longest furthest out."""
    places, lanes = {k: (c, 0.0) for k, c in depth.items()}, []
    places |= {k: (depth[c[0]] + 1, 0.0) for c in chains for k in c[1:-1]}
    for chain in sorted((c for c in chains if depth[c[-1]] - depth[c[0]] > 2), key=len):
        span = range(depth[chain[0]], depth[chain[-1]])
        lane = next((k for k, taken in enumerate(lanes) if not taken & set(span)), len(lanes))
        lanes += [set()] if lane == len(lanes) else []
        lanes[lane] |= set(span)
        for c, k in enumerate(chain[1:-1], start=depth[chain[0]] + 1):
            places[k] = (c, (1 if lane % 2 else -1) * (1 + 0.7 * (lane // 2)))
    return places, chains


def _wide(text: str) -> float:
    """About how many inches a box with this text takes."""
    return 0.15 + 0.074 * max(map(len, text.split("\n")))


def _row(group: Group) -> float:
    """Inches from row to row."""
    return 0.25 + 0.15 * max(2, *(node.label.count("\n") + 1 for node in group.nodes))


def _spread(group: Group, places: dict[str, tuple[float, float]], chains: list[list[str]]):
    """The places with columns in inches: a column is as wide as its widest box or chip."""
    last = max(c for c, _ in places.values())
    wide = [0.5 if group.nodes[0].row is not None else 0.25] * (last + 1)
    texts = {node.id: node.label for node in group.nodes}
    texts |= {
        edge.chip: "".join(text for text, _ in edge.parts) + " "
        for edge in group.edges
        if edge.chip
    }
    for k, text in texts.items():
        if k in places:  # a trellis has no chips
            wide[places[k][0]] = max(wide[places[k][0]], _wide(text))
    middle = [wide[0] / 2]
    for a, b in zip(wide, wide[1:]):
        middle.append(middle[-1] + (a + b) / 2 + 0.22)
    return {k: (middle[c], y) for k, (c, y) in places.items()}, chains


def draw(drawing: Drawing, fmt: str) -> bytes:
    """The drawing as svg, pdf or png; equal drawings give equal bytes."""
    out = io.BytesIO()
    nothing = {
        "svg": {"Date": None, "Creator": None},
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    }
    with style.theme():
        _figure(drawing).savefig(out, format=fmt, dpi=144, metadata=nothing[fmt])
    return out.getvalue()


def _figure(drawing: Drawing):
    """A plain layered drawing, the groups from top to bottom, as a matplotlib figure."""
    from matplotlib.figure import Figure

    layouts = [_spread(group, *_layout(group)) for group in drawing.groups]
    lows, highs = zip(
        *(
            (min(rows), max(rows))
            for rows in ([y for _, y in places.values()] for places, _ in layouts)
        )
    )
    heights = [
        (high - low + 1.6) * _row(group) for group, low, high in zip(drawing.groups, lows, highs)
    ]
    width = max(
        places[node.id][0] + _wide(node.label) / 2
        for group, (places, _) in zip(drawing.groups, layouts)
        for node in group.nodes
    )
    figure = Figure(figsize=(width + 0.3, sum(heights) + 0.6))
    figure.suptitle(drawing.title, fontsize=11, y=1 - 0.2 / figure.get_figheight(), va="center")
    axes = figure.subplots(len(heights), squeeze=False, height_ratios=heights).ravel()
    figure.subplots_adjust(0.01, 0.01, 0.99, 1 - 0.45 / figure.get_figheight(), hspace=0.02)
    for ax, group, layout, low, high in zip(axes, drawing.groups, layouts, lows, highs):
        _draw_group(ax, group, *layout)
        ax.text(0.005, 0.985, group.title, transform=ax.transAxes, va="top", fontsize=10)
        ax.set(xlim=(-0.15, width + 0.15), ylim=(high + 0.6, low - 1.0), xticks=[], yticks=[])
        ax.spines[:].set(visible=True, color=LINE)
    return figure


def _draw_group(ax, group: Group, places: dict[str, tuple[float, float]], chains: list[list[str]]):
    from matplotlib.patches import FancyArrowPatch, Rectangle

    half = {
        n.id: 0.16 if n.kind == "sum" else _wide(n.label) / 2 - 0.02 for n in group.nodes
    }  # of a box's width
    for edge, chain in zip(group.edges, chains):
        line, bold = LINES[edge.mark], edge.mark == "new"
        look = {"linestyle": line.get("style", "solid"), "linewidth": float(line["penwidth"])}
        rivals = sorted((c for c in chains if c[-1] == chain[-1]), key=lambda c: places[c[-2]][1])
        lift = 0.5 * (rivals.index(chain) + 0.5) / len(rivals) - 0.25  # arrows arrive side by side
        x, y = places[edge.head]
        path = _curve([*(places[k] for k in chain[:-1]), (x - half[edge.head], y + lift)])
        look |= {"color": edge.colour}
        ax.add_patch(
            FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=11, shrinkB=0, **look)
        )
        if edge.ops:  # codes side by side, each on its colour
            x, y = places[edge.chip]
            span = 0.17 * len(edge.ops)
            ax.add_patch(
                Rectangle(
                    (x - span / 2, y - 0.2), span, 0.4, fc=style.PAPER, ec=style.PAPER, zorder=2
                )
            )
            for i, (code, ground) in enumerate(edge.parts):
                ax.text(
                    x + 0.17 * (i - (len(edge.ops) - 1) / 2),
                    y,
                    code,
                    ha="center",
                    va="center",
                    fontsize=7,
                    color=style.ink_on(ground),
                    zorder=3,
                    bbox={"boxstyle": "square,pad=0.2", "fc": ground, "ec": style.PAPER, "lw": 0.5},
                )
        elif edge.label and not edge.op:
            ax.text(
                *places[edge.chip],
                edge.text,
                ha="center",
                va="center",
                fontsize=9,
                zorder=3,
                bbox={"boxstyle": "square,pad=0.25", "fc": style.PAPER, "ec": edge.colour},
            )
        elif edge.op:
            box = {
                "boxstyle": "square,pad=0.25",
                "fc": edge.colour,
                "ec": style.INK if bold else edge.colour,
                "ls": look["linestyle"],
                "lw": 2 if bold else 1,
            }
            ax.text(
                *places[edge.chip],
                f"{OPS[edge.op].code}  {edge.text}",
                ha="center",
                va="center",
                fontsize=9,
                color=style.ink_on(edge.colour),
                fontweight="bold" if bold else "normal",
                zorder=3,
                bbox=box,
            )
    for node in group.nodes:
        box = {"color": style.INK, "fontcolor": style.INK} | BOXES[node.kind]
        ax.text(
            *places[node.id],
            node.label,
            ha="center",
            va="center",
            fontsize=9,
            color=box["fontcolor"],
            zorder=4,
            bbox={
                "boxstyle": f"{'circle' if node.kind == 'sum' else 'round'},pad=0.35",
                "fc": box["fillcolor"],
                "ec": box["color"],
            },
        )


def _curve(points: list[tuple[float, float]]):
    """A smooth path through the points, level at each of them."""
    from matplotlib.path import Path as Curve

    vertices, codes = [points[0]], [Curve.MOVETO]
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        vertices += [((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1), (x1, y1)]
        codes += [Curve.CURVE4] * 3
    return Curve(vertices, codes)
