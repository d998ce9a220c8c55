"""The files around the package agree: versions, addresses, commands, packages; they keep nothing of
one machine."""

import json
import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest

import hinas_lab

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, flags=re.M))


def repository_files() -> list[Path]:
    """What is tracked, and what the next `git add` would track."""
    git = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    try:
        listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no git")
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def texts() -> dict[str, str]:
    """Repository path -> text, of the files that are text."""
    found = {}
    for path in repository_files():
        try:
            found[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            pass
    return found


def test_one_version():
    assert PYPROJECT["tool"]["hatch"]["version"]["path"] == "hinas_lab/__init__.py"
    (cited,) = re.findall(r"^version: *(\S+)$", (ROOT / "CITATION.cff").read_text(), flags=re.M)
    assert cited == hinas_lab.__version__


def test_one_license():
    assert PYPROJECT["project"]["license"] == "Apache-2.0"
    assert re.search(r"^license: Apache-2.0$", (ROOT / "CITATION.cff").read_text(), flags=re.M)
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text and "END OF TERMS AND CONDITIONS" in text


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_make_commands_of_the_documents_exist(document):
    named = set(
        re.findall(r"(?:^|`|&& )\s*make ([a-z][a-z-]*)", (ROOT / document).read_text(), flags=re.M)
    )
    assert named <= TARGETS, f"{document} names make targets that do not exist: {named - TARGETS}"
    assert {"README.md": {"demo", "test", "lab"}, ".ci/run": {"test", "test-notebooks"}}.get(
        document, set()
    ) <= named


def test_conda_list_is_the_list_of_pyproject():
    """environment.yml names no package of ours: python, pip, dot, and this project with its
    extras."""
    lines = [line.strip() for line in (ROOT / "environment.yml").read_text().splitlines()]
    wanted = [line[2:] for line in lines if line.startswith("- ")]
    project = PYPROJECT["project"]
    # conda's graphviz is the program dot: no wheel of pygraphviz is needed
    assert wanted[:4] == [f"python{project['requires-python']}", "pip", "graphviz", "pip:"]
    (extras,) = re.fullmatch(r"-e \.\[([a-z,]+)\]", wanted[4]).groups()
    assert set(extras.split(",")) == {"lab", "dev"} <= set(project["optional-dependencies"])
    assert len(wanted) == 5


def test_constraints():
    """cpu.txt pins torch alone; tested.txt is name==version lines, without local versions, and fits
    cpu.txt."""
    lines = {
        name: [
            line
            for line in (ROOT / "constraints" / name).read_text().splitlines()
            if not line.startswith("#")
        ]
        for name in ("cpu.txt", "tested.txt")
    }
    (pin,) = lines["cpu.txt"]
    assert pin.split(";")[0].strip() in lines["tested.txt"]
    assert all(
        re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line) for line in lines["tested.txt"]
    )
    tested = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines["tested.txt"]}
    assert "hinas-lab" not in tested
    required = PYPROJECT["project"]["dependencies"] + [
        requirement
        for extra in ("lab", "dev", "draw")
        for requirement in PYPROJECT["project"]["optional-dependencies"][extra]
    ]
    assert {
        re.match(r"[A-Za-z0-9-]+", requirement)[0].lower() for requirement in required
    } <= tested


def test_one_address():
    """``hinas_lab.REPOSITORY`` is the address; the documents that must spell it out agree with
    it."""
    address = hinas_lab.REPOSITORY
    name = address.split("/")[1]
    for path, text in texts().items():
        ours = set(re.findall(rf"github(?:\.com)?/([\w.-]+/{name})\b", text))
        assert ours <= {address}, f"{path} points to {ours}"
        if path.startswith("hinas_lab/") and path != "hinas_lab/__init__.py":
            assert address not in text, f"{path} spells out the address: use hinas_lab.REPOSITORY"
        if path.startswith("notebooks/") and path.endswith(".ipynb"):
            links = re.findall(r"colab\.research\.google\.com/github/([^)\s\"\\]+)", text)
            assert set(links) <= {f"{address}/blob/main/{path}"}, (
                f"{path}: its Colab link opens another notebook"
            )
    for path in ("README.md", "CITATION.cff"):
        assert f"github.com/{address}" in (ROOT / path).read_text(), (
            f"{path} does not name the repository"
        )


def test_no_picture_comes_from_the_network():
    """Offline a badge would be a broken picture."""
    far = re.compile(r"!\[[^\]]*\]\(https?:|<img[^>]+src=\\?[\"']https?:")
    pages = {path: text for path, text in texts().items() if path.endswith((".md", ".ipynb"))}
    assert len(pages) > 16 and not [path for path, text in pages.items() if far.search(text)]


def test_no_large_file():
    assert not [path for path in repository_files() if path.stat().st_size > 1_500_000]


# written so that this file does not match itself
INDEX = re.compile(
    r"https?://[^ )\"]+/(simple|packages)/|python[h]osted|pypi\.[o]rg/simple|"
    r"download\.[p]ytorch\.org"
)
MACHINE = re.compile(
    r"(?<![\w.~/-])/(?:[r]oot|[h]ome/\w+|[U]sers/\w+|[w]ork)/\w|[A-Z]:\\\\?Users\\"
)


CPU_INDEX = runpy.run_path(str(ROOT / "tools" / "install.py"))["CPU_INDEX"]


def test_nothing_of_one_machine():
    """No address of a package index, no path of the machine something was made on; in notebooks'
    outputs neither."""
    found = {}
    for path, text in texts().items():
        patterns = [INDEX, MACHINE, re.compile(re.escape(str(ROOT)) + r"\b")]
        if path.endswith(".ipynb"):
            patterns.append(re.compile(r"/tmp/\w"))
        # the one exception: tools/install.py asks whether it answers
        text = text.replace(CPU_INDEX, "")
        hits = [match.group() for pattern in patterns if (match := pattern.search(text))]
        if hits:
            found[path] = hits
    assert not found


def test_patterns_find_what_they_should():
    kept = (
        "https://example.org/whl/simple" + "/torch",
        "/ho" + "me/ada/x",
        "C:\\Us" + "ers\\ada",
        '"/wo' + 'rk/a"',
    )
    for line in kept:
        assert INDEX.search(line) or MACHINE.search(line), line
    for line in ("https://example.org/a/b", "notebooks/" + "work/x", "a/home/b/c", "the /work"):
        assert not INDEX.search(line) and not MACHINE.search(line), line


def test_workflow_calls_ci():
    (workflow,) = (ROOT / ".github" / "workflows").glob("*.yml")
    text = workflow.read_text()
    assert "run: .ci/run" in text
    oldest = PYPROJECT["project"]["requires-python"].removeprefix(">=")
    assert json.loads(re.search(r"python: (\[.*\])", text)[1])[0] == oldest
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
