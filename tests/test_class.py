"""The zip for a class: what is in it, that it works where it is unpacked, and what is refused."""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("pack_class", ROOT / "tools" / "pack_class.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)


def git(folder: Path, *arguments: str):
    names = {
        f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, env=os.environ | names
    )


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    """The checkout, packed twice by the command itself; the folder it lies in."""
    try:
        tool.git(ROOT, "rev-parse", "HEAD")
    except ValueError as error:
        pytest.skip(str(error))
    out = tmp_path_factory.mktemp("class")
    assert tool.main(["--out", str(out / "deep" / "er")]) == 0
    assert tool.main(["--out", str(out)]) == 0
    return out


def test_the_same_files_give_the_same_bytes(packed):
    one, two = packed / "hinas_lab-class.zip", packed / "deep" / "er" / "hinas_lab-class.zip"
    assert one.read_bytes() == two.read_bytes()
    assert sorted(p.name for p in packed.iterdir()) == [
        "deep",
        "hinas_lab-class.zip",
    ]  # nothing half-written stays


def test_what_is_in_it(packed):
    with zipfile.ZipFile(packed / "hinas_lab-class.zip") as archive:
        assert archive.testzip() is None
        names, start = archive.namelist(), archive.read("hinas_lab-class/START.txt").decode()
    assert names == sorted(names) and all(name.startswith("hinas_lab-class/") for name in names)
    inside = {name.removeprefix("hinas_lab-class/") for name in names}
    tracked = {path.relative_to(ROOT).as_posix() for path in tool.tracked(ROOT)}
    assert inside == tracked | {"START.txt"}
    wanted = {
        "notebooks",
        "notebooks/exercises",
        "hinas_lab",
        "data/studies",
        "docs",
        "pyproject.toml",
        "README.md",
        "LICENSE",
    }
    assert all(
        any(name == place or name.startswith(f"{place}/") for name in inside) for place in wanted
    )
    assert not [
        name for name in inside if {".git", "..", "shared", "dist", ".venv"} & set(name.split("/"))
    ]
    commands = [line.strip() for line in start.splitlines() if line.startswith("    ")]
    assert (
        commands[0] == "python3 -m venv .venv"
        and commands[2].endswith("-m jupyterlab notebooks/")
        and commands[1] == ".venv/bin/python tools/install.py lab"
    )
    assert commands[3] == f"{commands[1]} --no-index --find-links ../wheels"
    assert f"({tool.INSTALL['CPU_MB']} MB)" in start and "tools/install.py" in inside
    assert "notebooks/00_start_here.ipynb" in start and "docs/teaching.md" in start
    assert {"notebooks/00_start_here.ipynb", "docs/teaching.md", "constraints/cpu.txt"} <= inside


def test_it_works_where_it_is_unpacked(packed, tmp_path):
    with zipfile.ZipFile(packed / "hinas_lab-class.zip") as archive:
        archive.extractall(tmp_path)
    room = tmp_path / "hinas_lab-class"
    script = (
        "import hinas_lab; print(hinas_lab.__file__); from hinas_book import lessons; "
        "print(bool(lessons.check('02.b', (0, 0, 0)))); "
        "from hinas_book.kit.recorded import recorded; print(len(recorded('bicubic')['rows']) > 0)"
    )
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=room, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    file, verdict, rows = done.stdout.split()
    assert (
        Path(file).resolve().is_relative_to(room.resolve())
        and verdict in ("True", "False")
        and rows == "True"
    )
    if sys.platform != "win32":
        with zipfile.ZipFile(packed / "hinas_lab-class.zip") as archive:
            modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
        assert (
            modes["hinas_lab-class/.ci/run"] == 0o100755
            and modes["hinas_lab-class/README.md"] == 0o100644
        )


@pytest.fixture
def checkout(tmp_path) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.txt").write_text("a")
    git(folder, "add", "a.txt")
    git(folder, "commit", "-q", "-m", "a")
    return folder


def inside(data: bytes, tmp_path: Path) -> dict[str, bytes]:
    (tmp_path / "z.zip").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "z.zip") as archive:
        return {
            name.removeprefix("hinas_lab-class/"): archive.read(name) for name in archive.namelist()
        }


def test_only_what_git_tracks_as_it_is_now(checkout, tmp_path):
    (checkout / "b.txt").write_text("not tracked")
    first = inside(tool.pack(checkout), tmp_path)
    assert first.keys() == {"a.txt", "START.txt"} and b"local changes" not in first["START.txt"]
    (checkout / "a.txt").write_text("changed")
    second = inside(tool.pack(checkout), tmp_path)
    assert second["a.txt"] == b"changed" and b"local changes" in second["START.txt"]
    (checkout / "a.txt").unlink()
    with pytest.raises(ValueError, match="git tracks no files here"):
        tool.pack(checkout)


def notebook(*cells: tuple[str, str, str], **metadata) -> str:
    """A notebook's file of (id, source, output)."""
    made = []
    for id, source, output in cells:
        made.append(
            {
                "cell_type": "code",
                "execution_count": 1,
                "id": id,
                "metadata": {"execution": {"when": output}},
                "outputs": [{"name": "stdout", "output_type": "stream", "text": [output]}],
                "source": [source],
            }
        )
    return json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def test_notebooks_come_without_what_was_run_here(checkout, tmp_path):
    for name in ("run", "as_is", "new"):
        (checkout / f"{name}.ipynb").write_text(notebook(("a", "1", "stored"), ("b", "2", "old")))
    git(checkout, "add", "run.ipynb", "as_is.ipynb")
    git(checkout, "commit", "-q", "-m", "notebooks")
    git(checkout, "add", "new.ipynb")
    ran = notebook(("a", "1", "TEACHER"), ("b", "changed", "TEACHER"), widgets={"x": "TEACHER"})
    (checkout / "run.ipynb").write_text(ran)
    packed = inside(tool.pack(checkout), tmp_path)
    assert packed["as_is.ipynb"] == (checkout / "as_is.ipynb").read_bytes()
    assert b"TEACHER" not in packed["run.ipynb"]
    same, changed = json.loads(packed["run.ipynb"])["cells"]
    assert same["outputs"][0]["text"] == ["stored"] and same["execution_count"] == 1
    assert changed["source"] == ["changed"]
    assert changed["outputs"] == [] and changed["execution_count"] is None
    assert not any(cell["outputs"] for cell in json.loads(packed["new.ipynb"])["cells"])
    assert (checkout / "run.ipynb").read_text() == ran, "the teacher's own file is left alone"

    (checkout / "new.ipynb").write_text("{")
    with pytest.raises(ValueError, match="^new.ipynb: is not a notebook: .*; mend it first$"):
        tool.pack(checkout)


def test_what_gitignore_names_stays_out(checkout, tmp_path):
    (checkout / ".gitignore").write_text("/runs/\n/build/\n")
    for folder in ("runs", "build", "data/runs"):
        (checkout / folder).mkdir(parents=True)
        (checkout / folder / "x.txt").write_text("x")
    git(checkout, "add", "-f", ".")
    assert inside(tool.pack(checkout), tmp_path).keys() == {
        ".gitignore",
        "START.txt",
        "a.txt",
        "data/runs/x.txt",
    }


def test_links_and_folders_without_git_are_refused(checkout, tmp_path):
    (tmp_path / "secret").write_text("s")
    (checkout / "link").symlink_to(tmp_path / "secret")
    git(checkout, "add", "link")
    with pytest.raises(ValueError, match="^link: is a link"):
        tool.pack(checkout)
    (tmp_path / "plain").mkdir()
    with pytest.raises(ValueError, match="plain: not a git checkout; clone"):
        tool.pack(tmp_path / "plain")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tool, "pack", lambda root: b"zip")
    (tmp_path / "file").write_text("")
    assert tool.main(["--out", str(tmp_path / "file")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_wheels_are_all_that_the_installation_needs(tmp_path, capsys, monkeypatch):
    asked = []

    def pip(command, **_):
        asked.append(command)
        drawing = any(word.startswith("pygraphviz") for word in command)
        # no wheel of pygraphviz is no failure; after the first folder pip fails
        folder = Path(command[command.index("-d") + 1])
        return SimpleNamespace(returncode=drawing or (tmp_path / "2") in folder.parents)

    monkeypatch.setitem(tool.INSTALL, "cpu_index", lambda arguments: "https://example.org/cpu")
    monkeypatch.setattr(tool, "pack", lambda root: b"zip")
    monkeypatch.setattr(tool.subprocess, "run", pip)
    assert (
        tool.main(
            [
                "--out",
                str(tmp_path / "1"),
                "--wheels",
                "--pip",
                "--index-url",
                "https://example.org",
            ]
        )
        == 0
    )
    # whoever names an index has chosen a torch
    _, command = asked
    assert (
        command[1:5] == ["-m", "pip", "download", "--only-binary"]
        and command[command.index("--index-url") + 1] == "https://example.org"
    )
    asked.clear()
    names = [name.split(">")[0] for name in command]
    assert {"torch", "numpy", "jupyterlab", "ipykernel", "hatchling", "editables"} <= set(
        names
    ) and "pytest" not in names
    assert tool.main(["--out", str(tmp_path / "2"), "--wheels"]) == 2
    assert "pip could not fetch everything" in capsys.readouterr().err
    assert (tmp_path / "2" / "hinas_lab-class.zip").read_bytes() == b"zip"
    # torch for the CPU first; what follows finds it in the folder
    assert asked[0][-3:] == ["torch", "--index-url", "https://example.org/cpu"]
    assert asked[-1][asked[-1].index("--find-links") + 1] == str(tmp_path / "2" / "wheels")
