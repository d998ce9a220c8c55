"""The DOT text of a drawing. dot places boxes as it likes; unseen boxes, ports and arrows keep sums
and trellises in their order."""

from html import escape

from hinas_lab.drawing import style
from hinas_lab.drawing.diagram.value import LINES, Edge, Group

# matplotlib carries this font, so drawings look alike on machines without fonts.
FONT = "DejaVu Sans"
LINE, DIM = "#C4C4C4", "#767676"
"frames of groups and unused boxes; the text of unused boxes"
BOXES = {
    "input": {"fillcolor": style.PALE},
    "output": {"fillcolor": style.PALE},
    "node": {"fillcolor": style.PAPER, "penwidth": "1.6"},
    "sum": {
        "fillcolor": style.PAPER,
        "penwidth": "1.6",
        "shape": "circle",
        "margin": "0.01",
        "width": "0.3",
        "height": "0.3",
    },
    "unused": {"fillcolor": style.PAPER, "color": LINE, "fontcolor": DIM},
}
"per kind of node its DOT attributes"


def dot_text(title: str, groups: tuple[Group, ...], gap: float) -> str:
    """The DOT text; needs the graphviz package, but no Graphviz."""
    import graphviz

    graph = graphviz.Digraph("drawing")
    font = {"fontname": FONT, "fontcolor": style.INK}
    graph.attr(
        "graph",
        rankdir="LR",
        bgcolor=style.PAPER,
        nodesep="0.22",
        ranksep=f"{gap:g}",
        pad="0.15",
        labelloc="t",
        label=graphviz.escape(title),
        fontsize="14",
        **font,
    )
    graph.attr(
        "node",
        shape="box",
        style="rounded,filled",
        color=style.INK,
        margin="0.1,0.05",
        height="0.4",
        fontsize="12",
        **font,
    )
    graph.attr("edge", color=style.INK, arrowsize="0.7")
    # Left to right, dot stacks unconnected clusters from below: the last one first.
    for number, group in reversed(list(enumerate(groups))):
        with graph.subgraph(name=f"cluster_{number}") as cluster:
            cluster.attr(
                label=_title_label(group.title),
                labeljust="l",
                fontsize="13",
                color=LINE,
                style="rounded",
                margin="10",
            )
            _write_group(cluster, group, number)
    return graph.source


def _title_label(title: str) -> str:
    """An HTML-like label that begins at the left and ends before the frame: a reader's letters may
    be wider than those that dot measures, by half a point each."""
    return (
        '<<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>'
        f'<td align="left">{escape(title)}</td><td width="{len(title) // 2}"></td></tr></table>>'
    )


def _write_group(cluster, group: Group, number: int) -> None:
    """The boxes and arrows of group ``number`` into its graphviz subgraph ``cluster``."""
    sums = _ordered_sums(group)
    for node in group.nodes:
        if node.id in sums:
            ports = _ports(node.label, len(sums[node.id]), frame="2")
            cluster.node(node.id, ports, shape="plain", style="")
        else:
            cluster.node(node.id, node.label, **BOXES[node.kind])

    is_trellis = group.nodes[0].row is not None
    first_column = []
    if is_trellis:
        first_column = _write_grid(cluster, group, number)
    else:
        first_column = [node.id for node in group.nodes if node.kind == "input"]
    if len(first_column) > 1:
        # Where ports or heavy rows hold the rest in its order, one unseen arrow a box will do.
        times = 1 if is_trellis or sums else 4
        _keep_order(cluster, first_column, f"before {number}", times)

    if not is_trellis and not sums:
        _keep_equals(cluster, group, number)

    rows = {node.id: node.row for node in group.nodes}
    for edge in group.edges:
        line = LINES[edge.mark] | {"color": edge.colour}
        if edge.chip:
            _write_chip(cluster, edge, line, sums.get(edge.head, []))
        elif is_trellis:
            # Columns are two ranks apart, heavy edges keep a width in one row.
            weight = "50" if rows[edge.tail] == rows[edge.head] else "1"
            cluster.edge(edge.tail, edge.head, minlen="2", weight=weight, **line)
        else:
            # The main line stays straight, what leaps over boxes bends.
            if edge.mark == "plain":
                line["weight"] = "20"
            cluster.edge(edge.tail, edge.head, **line)


def _keep_order(cluster, first_column: list[str], id: str, times: int) -> None:
    """An unseen box ``id`` before the first column keeps that, and so what follows, in its order
    from above; a crossing of its arrows costs dot ``times`` as much as one that is seen."""
    cluster.node(id, _ports("", len(first_column)), shape="plain", style="")
    for i, box in enumerate(first_column):
        for _ in range(times):
            cluster.edge(id, box, tailport=f"{i}:e", style="invis")


def _keep_equals(cluster, group: Group, number: int) -> None:
    """An unseen box behind nodes of one column, which do not hear each other, keeps those in their
    order from above."""
    columns = group.columns()
    equals: dict[int, list[str]] = {}
    for node in group.nodes:
        if node.kind == "node":
            equals.setdefault(columns[node.id], []).append(node.id)
    for column, boxes in equals.items():
        if len(boxes) > 1:
            id = f"behind {number} {column}"
            cluster.node(id, _ports("", len(boxes)), shape="plain", style="")
            for i, box in enumerate(boxes):
                for _ in range(6):
                    cluster.edge(box, id, headport=f"{i}:w", style="invis")


def _ordered_sums(group: Group) -> dict[str, list[str]]:
    """Per sum of several terms the chips of its terms, from above."""
    sums = {}
    for node in group.nodes:
        chips = [edge.chip for edge in group.edges if edge.head == node.id and edge.chip]
        if node.kind == "sum" and len(chips) > 1:
            sums[node.id] = chips
    return sums


def _ports(label: str, terms: int, frame: str = "0") -> str:
    """An HTML-like label with a port for each term of a sum, so that dot keeps their order."""
    # The word stands beside all ports: its cell spans their rows.
    first, *others = [f'<td port="{i}" width="3" height="7"></td>' for i in range(terms)]
    rows = "".join(f"<tr>{port}</tr>" for port in others)
    width = 18 if label else 1
    return (
        f'<<table border="{frame}" style="rounded" cellborder="0" cellspacing="0" cellpadding="0" '
        f'color="{style.INK}"><tr>{first}<td rowspan="{terms}" width="{width}">'
        f"{escape(label)}</td></tr>{rows}</table>>"
    )


def _write_grid(cluster, group: Group, number: int) -> list[str]:
    """Unseen boxes where a trellis has none and unseen arrows along its rows, so that dot keeps
    them. Returns the ids of its first column."""
    columns = group.columns()
    ids = {(columns[node.id], node.row): node.id for node in group.nodes}
    rows = sorted({node.row for node in group.nodes})
    for row in rows:
        for column in range(max(columns.values()) + 1):
            if (column, row) not in ids:
                ids[column, row] = f"no {number} {column} {row}"
                cluster.node(ids[column, row], "", style="invis", width="0.1", height="0.1")
            # As long as the trellis's arrows and heavier than its diagonals: a row stays a line.
            if column:
                left, right = ids[column - 1, row], ids[column, row]
                cluster.edge(left, right, minlen="2", weight="50", style="invis")
    return [ids[0, row] for row in rows]


def _write_chip(cluster, edge: Edge, line: dict[str, str], terms: list[str]) -> None:
    """What is written on an arrow as a node of its own between two halves of it, so that no other
    arrow crosses the words; ``terms``: the chips at its head, where that is a sum in order."""
    cluster.node(edge.chip, _chip_label(edge), shape="plain", style="", margin="0", height="0")
    cluster.edge(edge.tail, edge.chip, headport="w", arrowhead="none", **line)
    if terms:
        line["headport"] = f"{terms.index(edge.chip)}:w"
    cluster.edge(edge.chip, edge.head, tailport="e", **line)


def _chip_label(edge: Edge) -> str:
    """An HTML-like label: letter codes on their operations' colours, then the words, in a frame of
    the arrow's colour."""
    frame = {"new": 'border="3"', "old": 'border="1" style="dashed"'}.get(edge.mark, 'border="1"')
    size = ' point-size="9"' if edge.ops else ""
    cells = ""
    for text, ground in edge.parts:
        words = escape(text)
        if ground != style.PAPER:
            ink = style.ink_on(ground)
            cells += f'<td bgcolor="{ground}"><font color="{ink}"{size}>{words}</font></td>'
        elif edge.mark == "new":
            cells += f"<td><b>{words}</b></td>"
        else:
            cells += f"<td>{words}</td>"
    padding = 1 if edge.ops else 3
    return (
        f'<<table {frame} cellborder="0" cellspacing="0" cellpadding="{padding}" '
        f'color="{edge.colour}" bgcolor="{style.PAPER}"><tr>{cells}</tr></table>>'
    )
