"""tools/install.py: which torch on which machine, and that drawings never fail an installation.
A stub stands in for pip and uv, a local server for PyTorch's index."""

import json
import runpy
import shutil
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
CPU = ["-c", str(ROOT / "constraints" / "cpu.txt")]
STUB = """
import json, sys
from pathlib import Path
asked, failing = Path(sys.argv[1]), sys.argv[2].split()
words = sys.argv[3:]
asked.open("a").write(json.dumps(words) + "\\n")
print("a resolver's complaint", file=sys.stderr)
sys.exit(any(word in " ".join(words) for word in failing))
"""


class Index(BaseHTTPRequestHandler):
    """``server.wait`` seconds, then ``server.status``."""

    def do_GET(self):
        self.server.seen.append(self.path)
        time.sleep(self.server.wait)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def index():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Index)
    server.wait, server.status, server.seen = 0.0, 200, []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def machine(monkeypatch, tmp_path, index):
    """A stock Linux without a driver, torch or Graphviz. ``machine(*words)`` installs and returns
    the exit code; ``machine.asked()``: what the installer was called with."""
    tool = runpy.run_path(str(ROOT / "tools" / "install.py"))
    globals_ = tool["main"].__globals__
    asked, stub = tmp_path / "asked", tmp_path / "stub.py"
    stub.write_text(STUB)
    there = SimpleNamespace(packages=set(), programs=set(), driver=False, failing="", tool=tool)

    def find(name):
        return name in there.packages or None

    def install(*words):
        asked.write_text("")
        command = f"{sys.executable} {stub} {asked} '{there.failing}' install"
        monkeypatch.setenv("HINAS_INSTALL", command)
        return tool["main"](list(words))

    for name, value in {
        "CPU_INDEX": f"http://127.0.0.1:{index.server_port}/whl/cpu",
        "has_driver": lambda: there.driver,
        "importlib": SimpleNamespace(util=SimpleNamespace(find_spec=find)),
        "shutil": SimpleNamespace(which=lambda name: name in there.programs or None),
    }.items():
        monkeypatch.setitem(globals_, name, value)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("TORCH_INDEX", raising=False)
    there.install, there.address = install, globals_["CPU_INDEX"]
    there.globals = globals_
    there.asked = lambda: [json.loads(line) for line in asked.read_text().splitlines()]
    return there


def test_no_driver_and_an_index_that_answers(machine, index, capfd):
    assert machine.install("lab", "dev") == 0
    torch, package, drawing = machine.asked()
    assert torch == ["install", "torch", *CPU, "--index-url", machine.address]
    assert package == ["install", "-e", f"{ROOT}[lab,dev]", *CPU]
    assert drawing[:4] == ["install", "--only-binary", "pygraphviz", "pygraphviz>=2.0"]
    assert index.seen == ["/whl/cpu/torch/"]
    out = capfd.readouterr().out
    assert out == f"No NVIDIA driver: torch for the CPU, 192 MB, from {machine.address}\n"


@pytest.mark.parametrize("kind", ["slow", "refused", "gone"])
def test_an_index_that_does_not_answer(machine, index, capfd, kind):
    """As today, after three seconds at most."""
    machine.globals["SECONDS"] = 0.3
    if kind == "slow":
        index.wait = 2.0
    elif kind == "refused":
        index.status = 403
    else:
        machine.globals["CPU_INDEX"] = "http://127.0.0.1:9/whl/cpu"
    start = time.monotonic()
    assert machine.install("dev") == 0
    assert time.monotonic() - start < 1.9
    assert machine.asked()[0] == ["install", "-e", f"{ROOT}[dev]", *CPU]
    assert "does not answer: torch as pip finds it" in capfd.readouterr().out
    assert machine.tool["answers"].__globals__ is machine.globals


def test_three_seconds():
    assert runpy.run_path(str(ROOT / "tools" / "install.py"))["SECONDS"] == 3


@pytest.mark.parametrize("why", ["driver", "torch is there", "not Linux", "no network"])
def test_nothing_is_asked_where_it_is_of_no_use(machine, index, monkeypatch, why):
    words = ["lab"]
    if why == "driver":
        machine.driver = True
    elif why == "torch is there":
        machine.packages.add("torch")
    elif why == "not Linux":
        monkeypatch.setattr(sys, "platform", "darwin")
    else:
        words += ["--no-index", "--find-links", "../wheels"]
    assert machine.install(*words) == 0
    constraints = [] if why == "driver" else CPU
    assert machine.asked()[0] == ["install", "-e", f"{ROOT}[lab]", *words[1:], *constraints]
    assert not index.seen


def test_an_index_without_this_python_is_left(machine, capfd):
    """A proxy's page that answers for everything is one, too."""
    machine.failing = machine.address
    assert machine.install("lab") == 0
    assert [words[1] for words in machine.asked()] == ["torch", "-e", "--only-binary"]
    assert "has no torch for this Python: torch as pip finds it" in capfd.readouterr().out


def test_an_index_that_was_named_comes_first(machine, index, monkeypatch):
    monkeypatch.setenv("TORCH_INDEX", "https://example.org/cu")
    machine.driver = True
    assert machine.install("dev", "-c", "mine.txt") == 0
    torch, package, _ = machine.asked()
    assert torch == ["install", "torch", "-c", "mine.txt", "--index-url", "https://example.org/cu"]
    assert package == ["install", "-e", f"{ROOT}[dev]", "-c", "mine.txt"] and not index.seen
    machine.failing = "example.org"
    assert machine.install("dev") == 1 and len(machine.asked()) == 1


@pytest.mark.parametrize("dot", [False, True])
def test_no_wheel_of_pygraphviz_fails_nothing(machine, capfd, dot):
    """musl, a free-threaded Python, the newest one: a line, where no dot is there either."""
    machine.packages.add("torch")
    machine.failing = "pygraphviz"
    if dot:
        machine.programs.add("dot")
    assert machine.install("lab") == 0
    out, err = capfd.readouterr()
    assert ("Drawings need Graphviz" in out) != dot and len(out.splitlines()) == 1 - dot
    # of the package itself, not of pygraphviz
    assert err.count("complaint") == 1
    machine.packages.add("pygraphviz")
    assert machine.install("lab") == 0 and len(machine.asked()) == 1


def test_a_package_that_cannot_be_installed(machine):
    machine.packages.add("torch")
    machine.failing = "-e"
    assert machine.install("lab") == 1 and len(machine.asked()) == 1


def test_nothing_of_the_core_can_lack_a_wheel():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert not [need for need in project["dependencies"] if need.startswith("pygraphviz")]
    assert [name for name, needs in extras.items() if "pygraphviz>=2.0" in needs] == ["draw"]


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_make_installs_with_it(tmp_path):
    """As ``make`` would do it in an environment that is new."""
    import subprocess

    command = ["make", "-n", f"VENV={tmp_path}", f"{tmp_path}/.lab", "CONSTRAINTS=-c mine.txt"]
    done = subprocess.run([*command, "TORCH_INDEX=x"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "tools/install.py" in line]
    assert [line.partition("tools/install.py ")[2] for line in lines] == [
        "dev -c mine.txt",
        "lab -c mine.txt",
    ]
    assert all('TORCH_INDEX="x"' in line and "pip install" in line for line in lines)


def test_readme_says_how_many_mb():
    tool = runpy.run_path(str(ROOT / "tools" / "install.py"))
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"{tool['CPU_MB']} MB" in text and f"{tool['CUDA_GB']} GB" in text
    assert tool["CPU_INDEX"] in text
