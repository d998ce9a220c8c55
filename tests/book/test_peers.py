"""Other methods, written from their papers: as many parameters as those say, the right shapes,
gradients everywhere."""

import json

import pytest
import torch
from helpers import hinas, refused

from hinas_book.ch10_state_of_the_art.peer_costs import costs
from hinas_book.ch10_state_of_the_art.peers import PEERS, peer
from hinas_book.paper.published import paper_table

each = pytest.mark.parametrize(
    ("p", "scale"),
    [(p, s) for p in PEERS.values() for s in p.parameters],
    ids=[f"{p.name}-{p.task}-x{s}" for p in PEERS.values() for s in p.parameters],
)


def weights_of(p, net) -> int:
    """What the peer's own paper counts of ``net``: all parameters, or weights alone."""
    return sum(w.numel() for w in net.parameters() if p.counts == "all" or w.ndim > 1)


@each
def test_parameters_are_within_three_percent_of_the_papers_own(p, scale):
    assert weights_of(p, p.build(scale)) == pytest.approx(p.published(scale), rel=0.03)


@each
def test_shapes(p, scale):
    net, grow = p.build(scale).eval(), scale if p.input == "low" else 1
    with torch.no_grad():
        assert net(torch.rand(2, p.channels, 11, 14)).shape == (2, p.channels, 11 * grow, 14 * grow)


@pytest.mark.parametrize(
    "p", [p for p in PEERS.values() if p.name != "RCAN"], ids=lambda p: f"{p.name}-{p.task}"
)
def test_every_parameter_takes_part(p):
    torch.manual_seed(1)  # with some first weights all of the few ReLUs of an attention are off
    net = p.build(max(p.parameters))
    net(torch.rand(1, p.channels, 12, 12)).square().mean().backward()
    assert all(
        w.grad is not None and w.grad.abs().sum() > 0
        for name, w in net.named_parameters()
        if not name.endswith("bias")
    )


def test_the_papers_tables_know_them():
    """Where our paper prints parameters of a peer, in millions, they are these, up to its
    rounding."""
    for name, n, where in (
        ("MemNet", 10, {}),
        ("VDSR", 11, {}),
        ("IMDN", 11, {}),
        ("RCAN", 11, {}),
        ("IMDN", 12, {"scale": "×4"}),
    ):
        scale = int(where.get("scale", "×3")[1])
        p = PEERS[name, "denoise" if n == 10 else "sr"]
        printed = paper_table(n).row(name, **where)["params_m"].value
        assert p.published(1 if n == 10 else scale) / 1e6 == pytest.approx(
            printed, abs=0.5 if printed > 2 else 0.0051
        )


def test_costs_by_arithmetic():
    """Multiply-accumulates of DnCNN and FSRCNN by hand; ours beside them; the cheapest first."""
    rows = {c.method: c for c in costs("denoise", 1, repeats=1, height=32, width=48)}
    assert (
        rows["DnCNN"].macs == 32 * 48 * 9 * (64 + 15 * 64 * 64 + 64)
        and rows["DnCNN"].parameters == 556_097
    )
    assert (
        list(rows) == sorted(rows, key=lambda name: rows[name].macs)
        and "HiNAS space, random net" in rows
    )
    sr = {c.method: c for c in costs("sr", 4, repeats=1, height=32, width=48)}
    low = 8 * 12
    assert sr["FSRCNN"].macs == low * (25 * 56 + 56 * 12 + 4 * 9 * 144 + 12 * 56 + 81 * 56)
    assert all(c.seconds > 0 <= c.spread for c in sr.values())


def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "hinas_book.ch10_state_of_the_art.peer_costs.costs",
        lambda *a, **k: costs(*a, **k | {"height": 16, "width": 16}),
    )
    code, out, err = hinas("study", "peers", "--repeats", 1, "--threads", 1, "--json", "p.json")
    assert (code, err) == (0, "") and max(map(len, out.splitlines())) <= 80
    assert {r["method"] for r in json.loads((tmp_path / "p.json").read_text())["rows"]} >= {
        "DnCNN",
        "MemNet",
    }
    refused(hinas("study", "peers", "--task", "blur"), "task = 'blur'")
    refused(hinas("study", "peers", "--repeats", 0), "repeats = 0")
    refused(hinas("study", "peers", "--run", "nowhere"), "nowhere")
    with pytest.raises(
        ValueError, match="peer 'SAN': for sr there is MemNet, VDSR, FSRCNN, IMDN, RCAN"
    ):
        peer("SAN", "sr")
    with pytest.raises(ValueError, match="IMDN: scale = 5"):
        peer("IMDN", "sr").build(5)
