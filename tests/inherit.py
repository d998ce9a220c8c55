"""A decoded net with a supernet's own weights: what ``SuperNet.restrict`` is held against."""

import torch
from torch import nn

from hinas_lab.space.cells import Cell
from hinas_lab.space.cost import node_channels
from hinas_lab.space.genotype import Genotype
from hinas_lab.space.network import Network
from hinas_lab.space.supernet import SuperNet


@torch.no_grad()
def inherit(net: SuperNet, genotype: Genotype) -> Network:
    """The decoded wiring with the supernet's own weights: equal to ``net(x,
    net.restrict(genotype))`` (see there). ValueError where the decoded net is built otherwise: cell
    sharing off, mixed second inputs, ASPP, sigmoid, bilinear upsampling."""
    s = net.space
    for name, need in (
        ("cell_sharing", "on"),
        ("second_input", "layer"),
        ("end", "conv"),
        ("sigmoid", False),
        ("upsampling", "bicubic"),
    ):
        if getattr(s, name) != need:
            raise ValueError(
                f"{name} = {getattr(s, name)!r}: weights can be inherited only with {need!r}"
            )
    small = Network(
        genotype, width=s.width, stem=s.stem, repeats=s.repeats, residual=s.residual, affine=False
    )
    small.cells = nn.ModuleList(
        Cell(wiring, c, s.affine, s.repeats)
        for wiring, c in zip(genotype.cells, node_channels(genotype, s.width))
    )
    small.to(net.alpha)
    small.start.load_state_dict(net.start.state_dict())
    path = (0, *genotype.path)
    for l, i in enumerate(genotype.path):
        projection = net.first[s.moves.index((l, path[l], i))]
        small.first[l][0].load_state_dict(projection.conv.state_dict())
        small.first[l][1].load_state_dict(projection.norm.state(), strict=False)
        # The supernet's second input reads the cell of width i of layer l-2; the decoded net reads
        # the path's. Same only on equal widths.
        theirs, mine = net.second[f"{l}_{i}"], small.second[l]
        if theirs[0].weight.shape == mine[0].weight.shape:
            mine.load_state_dict(theirs.state_dict())
        for n, (node, ops) in enumerate(zip(genotype.cells[l], small.cells[l].ops)):
            for (op, src), module in zip(node, ops):
                module.load_state_dict(net.cells[f"{l}_{i}"].edge_state(src, n, op), strict=False)
    last = genotype.path[-1]
    offset = sum(s.nodes * s.node_channels(i) for i in s.cells[-1] if i < last)
    part = net.end.first[0].weight[:, offset : offset + s.nodes * s.node_channels(last)]
    small.end.load_state_dict(net.end.state_dict() | {"first.0.weight": part})
    return small
