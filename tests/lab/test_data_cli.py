"""``hinas-lab data``: what it prints, and its exit codes: 0 done, 1 a check found something, 2 bad
input."""

import json
import sys
from pathlib import Path

import pytest
import test_download
from helpers import hinas, refused
from test_catalog import IDS, write_bsds, write_div2k, write_image
from test_download import BODY, HALF

from hinas_lab.images.datasets.sets import SETS

server, tiny = test_download.server, test_download.tiny


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """Where named sets are looked for; the working folder is another one."""
    monkeypatch.setenv("HINAS_DATA", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "cache"


def done(*argv, code: int = 0) -> str:
    """What a command prints."""
    result = hinas("data", *argv)
    assert result.code == code and not result.err, result
    return result.out


def test_where(cache):
    assert done("where") == f"{cache}\n"


def test_list(cache):
    write_bsds(cache / "BSDS500")
    for number in range(5):
        write_image(cache / "benchmark" / "Set5" / "HR" / f"{number}.png")
    table = done("list")
    rows = {line.split()[0]: line for line in table.splitlines() if line}
    assert all(len(line) <= 80 for line in table.splitlines() if str(cache) not in line)
    assert rows.keys() >= SETS.keys()
    ends = {
        "builtin": "always",
        "BSDS500": "BSDS500 (in part)",
        "Set5": "benchmark/Set5",
        "DIV2K": "not here",
    }
    assert all(rows[name].endswith(end) for name, end in ends.items())


@pytest.mark.parametrize("argv", [["list", "--long"], ["list", "bsds500"], ["list", "BSD100"]])
def test_list_everything(argv):
    text = done(*argv)
    assert all(len(line) <= 80 for line in text.splitlines() if "http" not in line)
    for chosen in SETS.values():
        shown = "--long" in argv or argv[1].lower() == chosen.name.lower()
        flat = " ".join(text.split())
        facts = (
            chosen.terms,
            chosen.citation,
            chosen.homepage,
            *(a.url for a in chosen.archives),
            *(a.sha256 for a in chosen.archives),
        )
        assert not shown or all(fact in flat for fact in facts)
        assert shown == (chosen.citation in flat)
    if argv[1] == "bsds500":
        assert (
            "├── train/" in text and "70763455 bytes" in text and "trained on   train + val" in text
        )


def test_get(tiny, cache, monkeypatch):
    monkeypatch.setitem(SETS, "Tiny", tiny.make())
    assert "terms: ours" in done("get", "tiny") and (cache / "tiny" / "HR" / "a.png").exists()
    assert done("get", "TINY") == f"Tiny: is there already: {cache / 'tiny'}\n"
    done("get", "Tiny", "--dir", "mine")
    assert Path("mine/tiny/HR/a.png").exists()
    assert "3 images read" in done("verify", "tiny")


def test_get_interrupted(tiny, server, cache, monkeypatch):
    """Ctrl-C says how to go on, and that works."""

    def stop(handler, start):
        handler.answer(200, BODY[:HALF], length=len(BODY))
        return True

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setitem(SETS, "Tiny", tiny.make())
    server.manners = stop
    with monkeypatch.context() as patch:
        patch.setattr(test_download.download.time, "sleep", interrupt)
        code, _, err = hinas("data", "get", "Tiny")
    assert code == 130 and "interrupted; the same command goes on from there" in err
    server.manners = lambda handler, start: False
    done("get", "Tiny")
    assert server.asked[0] == 0 < server.asked[1]


def test_get_builtin():
    assert "nothing to get" in done("get", "builtin")


def test_get_without_pooch(tiny, monkeypatch):
    monkeypatch.setitem(SETS, "Tiny", tiny.make())
    monkeypatch.setitem(sys.modules, "pooch", None)
    code, _, err = hinas("data", "get", "Tiny")
    assert (
        code == 2
        and err.splitlines()[-1]
        == "hinas-lab: error: the package 'pooch' is not installed: pip install pooch"
    )


def test_get_from_a_dead_server(tiny, server, monkeypatch):
    server.manners = lambda handler, start: handler.answer(404, b"") or True
    monkeypatch.setitem(SETS, "Tiny", tiny.make())
    code, _, err = hinas("data", "get", "Tiny")
    assert code == 2 and len(err.splitlines()) == 1 and "the server answers 404" in err


def test_verify(cache):
    write_bsds(cache / "BSDS500", images=2)
    text = done("verify", "BSDS500", code=1)
    assert (
        f"{cache / 'BSDS500'} (BSDS500): 6 images read\n8 x 8 to 8 x 8 pixels, 0 gray, "
        "6 in colour\n" in text
    )
    assert f"changed: train/{IDS['train'][0]}.jpg" in text and "missing: train/" in text
    assert "... and 474 more" in text and len(text.splitlines()) == 2 + 6 + 21
    (cache / "BSDS500" / "val" / f"{IDS['val'][0]}.jpg").write_bytes(b"damaged")
    assert f"unreadable: val/{IDS['val'][0]}.jpg: not an image that can be read" in done(
        "verify", "BSDS500/val", code=1
    )


def test_verify_any_folder():
    write_image(Path("mine/a.png"), mode="L")
    write_image(Path("mine/b.png"), side=16)
    assert done("verify", "mine").splitlines() == [
        "mine (any folder): 2 images read",
        "8 x 8 to 16 x 16 pixels, 1 gray, 1 in colour",
        "every image can be read",
    ]
    Path("mine/c.png").write_bytes(b"")
    assert "unreadable: c.png: " in done("verify", "mine", code=1)


def test_audit():
    for number in range(3):
        write_image(Path(f"a/{number}.png"), number, side=64)
        write_image(Path(f"b/{number}.png"), number + 10, side=64)
    assert (
        done("audit", "--train", "a", "--test", "b")
        == "no test image is in training (3 against 3)\n"
    )
    write_image(Path("b/same.png"), 1, side=64)
    text = done("audit", "--train", "a", "--test", "b", "--json", "found.json", code=1)
    assert (
        text.startswith("1 of 4 test images are in training (3 images)")
        and "same.png = 1.png (exact" in text
    )
    found = json.loads(Path("found.json").read_text())
    assert found["n_train"] == 3 and [
        (m["train"], m["test"], m["kind"]) for m in found["matches"]
    ] == [("1.png", "same.png", "exact")]


def test_audit_takes_the_parts_of_a_set(cache):
    """Training against measuring: DIV2K's own split, in one picture each."""
    write_div2k(cache)
    assert "1 of 1 test images are in training (2 images); 2 in all" in done(
        "audit", "--train", "DIV2K", "--test", "DIV2K", code=1
    )


def test_audit_shows_twenty():
    for number in range(25):
        write_image(Path(f"a/{number:02d}.png"), 1, side=16)
    write_image(Path("b/x.png"), 1, side=16)
    text = done("audit", "--train", "a", "--test", "b", code=1)
    assert text.count("(exact") == 20 and text.endswith("... and 5 more\n")


@pytest.mark.parametrize(
    ("argv", "fragments"),
    [
        ([], ["ACTION"]),
        (["lst"], ["invalid choice: 'lst'"]),
        (["list", "nix"], ["data set 'nix': must be one of builtin, BSDS500"]),
        (["get"], ["NAME"]),
        (["get", "nix"], ["data set 'nix'"]),
        (["get", "Set5", "--dir", "file"], ["file/.downloads: cannot be made", "--dir"]),
        (["verify"], ["NAME|DIR"]),
        (["verify", "nix"], ["'nix': neither a known data set"]),
        (["verify", "Set14"], ["Set14", "hinas-lab data get Set14"]),
        (["verify", "."], ["no images in this folder"]),
        (["audit", "--train", "builtin"], ["--test"]),
        (["audit", "--train", "Set5", "--test", "builtin"], ["'Set5': not found"]),
        (["audit", "--train", "nix", "--test", "builtin"], ["'nix': neither"]),
        (
            ["audit", "--train", "builtin", "--test", "builtin", "--json", "nix/f.json"],
            ["--json nix/f.json"],
        ),
        (["audit", "--train", "builtin", "--test", "builtin", "--json", "."], ["--json ."]),
    ],
)
def test_bad_input(argv, fragments):
    Path("file").write_text("x")
    refused(hinas("data", *argv), *fragments)
    assert sorted(p.name for p in Path().iterdir()) == ["file"]
