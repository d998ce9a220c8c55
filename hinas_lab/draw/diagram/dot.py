"""The DOT text of a drawing. dot places boxes as it likes; unseen boxes, ports and arrows keep sums and trellises in their order."""

from html import escape

from hinas_lab.draw import style
from hinas_lab.draw.diagram.drawing import BOXES, FONT, LINE, LINES, Drawing, Edge, Group


def _chip(edge: Edge) -> str:
    """An HTML-like label: letter codes on their operations' colours, then the words, in a frame of the arrow's colour."""
    frame = {"new": 'border="3"', "old": 'border="1" style="dashed"'}.get(edge.mark, 'border="1"')
    size = ' point-size="9"' if edge.ops else ""
    cells = "".join(
        f'<td bgcolor="{ground}"><font color="{style.ink_on(ground)}"{size}>{escape(text)}</font></td>'
        if ground != style.PAPER
        else f"<td>{f'<b>{escape(text)}</b>' if edge.mark == 'new' else escape(text)}</td>"
        for text, ground in edge.parts
    )
    return (
        f'<<table {frame} cellborder="0" cellspacing="0" cellpadding="{1 if edge.ops else 3}" color="{edge.colour}" '
        f'bgcolor="{style.PAPER}"><tr>{cells}</tr></table>>'
    )


def _ports(label: str, terms: int, frame: str = "0") -> str:
    """An HTML-like label with a port for each term of a sum, so that dot keeps their order."""
    ports = [f'<td port="{i}" width="3" height="7"></td>' for i in range(terms)]
    rows = "".join(f"<tr>{port}</tr>" for port in ports[1:])
    return (
        f'<<table border="{frame}" style="rounded" cellborder="0" cellspacing="0" cellpadding="0" color="{style.INK}">'
        f'<tr>{ports[0]}<td rowspan="{terms}" width="{18 if label else 1}">{escape(label)}</td></tr>{rows}</table>>'
    )


def _grid(sub, group: Group, g: int) -> list[str]:
    """Unseen boxes where a trellis has none and unseen arrows along its rows, so that dot keeps them; the ids of its first column."""
    columns = group.columns()
    rows = sorted({node.row for node in group.nodes})
    there = {(columns[node.id], node.row): node.id for node in group.nodes}
    for row in rows:
        for c in range(max(columns.values()) + 1):
            there.setdefault((c, row), f"no {g} {c} {row}")
            if there[c, row].startswith("no "):
                sub.node(there[c, row], "", style="invis", width="0.1", height="0.1")
            if c:
                sub.edge(there[c - 1, row], there[c, row], minlen="2", weight="50", style="invis")
    return [there[0, row] for row in rows]


def dot(drawing: Drawing) -> str:
    """The DOT text (needs the graphviz package, not the program)."""
    import graphviz

    graph = graphviz.Digraph("drawing")
    font = {"fontname": FONT, "fontcolor": style.INK}
    graph.attr(
        "graph",
        rankdir="LR",
        bgcolor=style.PAPER,
        nodesep="0.22",
        ranksep="0.32",
        pad="0.15",
        labelloc="t",
        label=graphviz.escape(drawing.title),
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
    for g, group in reversed(list(enumerate(drawing.groups))):
        rows = {node.id: node.row for node in group.nodes}
        terms = {
            n.id: [e.chip for e in group.edges if e.head == n.id and e.chip]
            for n in group.nodes
            if n.kind == "sum"
        }
        with graph.subgraph(name=f"cluster_{g}") as sub:
            sub.attr(
                label=graphviz.escape(group.title),
                labeljust="l",
                fontsize="13",
                color=LINE,
                style="rounded",
                margin="10",
            )
            for node in group.nodes:
                if len(terms.get(node.id, ())) > 1:
                    sub.node(
                        node.id,
                        _ports(node.label, len(terms[node.id]), "2"),
                        shape="plain",
                        style="",
                    )
                else:
                    sub.node(node.id, node.label, **BOXES[node.kind])
            if None not in rows.values():
                first = _grid(sub, group, g)
            else:
                first = (
                    [n.id for n in group.nodes if n.kind == "input"]
                    if max(map(len, terms.values()), default=0) > 1
                    else []
                )
            if (
                len(first) > 1
            ):  # an unseen box before the first column keeps it, and so what follows, in its order from above
                sub.node(f"before {g}", _ports("", len(first)), shape="plain", style="")
                for i, id in enumerate(first):
                    sub.edge(f"before {g}", id, tailport=f"{i}:e", style="invis")
            for edge in group.edges:
                line = LINES[edge.mark] | {"color": edge.colour}
                if (
                    edge.chip
                ):  # a node of its own on the arrow, so that no other arrow crosses what is written
                    sub.node(
                        edge.chip, _chip(edge), shape="plain", style="", margin="0", height="0"
                    )
                    sub.edge(edge.tail, edge.chip, headport="w", arrowhead="none", **line)
                    if len(terms.get(edge.head, ())) > 1:
                        line |= {"headport": f"{terms[edge.head].index(edge.chip)}:w"}
                    sub.edge(edge.chip, edge.head, tailport="e", **line)
                elif rows[edge.tail] is None:
                    sub.edge(
                        edge.tail,
                        edge.head,
                        **line | ({"weight": "20"} if edge.mark == "plain" else {}),
                    )
                else:  # a trellis: columns two ranks apart, heavy edges keep a width in one row
                    weight = "50" if rows[edge.tail] == rows[edge.head] else "1"
                    sub.edge(edge.tail, edge.head, minlen="2", weight=weight, **line)
    return graph.source
