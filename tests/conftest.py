"""What holds for every test: one thread, no network, no settings of the user, no figure left
open."""

import os
import socket
import sys

# Before anything loads torch or numpy: on 2 shared cores a second OpenMP thread makes a 20 ms step
# take up to 500 ms.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["MPLBACKEND"] = "Agg"
# A test is of the checkout it lies in, in its subprocesses and kernels too (nothing is rebuilt,
# bare checkouts work).
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOMS = [ROOT, *(os.path.join(ROOT, "tests", room) for room in ("", "lab", "book"))]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*ROOMS, os.environ.get("PYTHONPATH")]))

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

settings.register_profile("hinas_lab", deadline=None, derandomize=True)
settings.load_profile("hinas_lab")


class NetworkUsed(RuntimeError):
    """A test reached for the network. No OSError: code that forgives a missing network must not
    hide it."""


@pytest.fixture(autouse=True, scope="session")
def no_network():
    """Connections, and look-ups of names, outside this machine raise."""
    real = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}
    look_up = socket.getaddrinfo

    def check(host):
        host = host.decode() if isinstance(host, bytes) else host
        if host and host not in ("localhost", "::1") and not str(host).startswith("127."):
            raise NetworkUsed(f"a test wanted to reach {host}")

    def guarded(name):
        def call(self, address):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                check(address[0])
            return real[name](self, address)

        return call

    def guarded_look_up(host, *args, **kwargs):
        check(host)
        return look_up(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        for name in real:
            patch.setattr(socket.socket, name, guarded(name))
        patch.setattr(socket, "getaddrinfo", guarded_look_up)
        yield


@pytest.fixture(autouse=True)
def own_settings(monkeypatch, tmp_path_factory):
    """The user's HINAS_* variables do not count; the download cache is an empty folder of the
    session."""
    for name in ("HINAS_PRESET", "HINAS_LIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HINAS_DATA", str(tmp_path_factory.getbasetemp() / "hinas-data"))


@pytest.fixture(autouse=True)
def left_as_found():
    """A test that draws, or sets the thread count, leaves nothing behind. Loads neither pyplot nor
    torch itself."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
    if "torch" in sys.modules and sys.modules["torch"].get_num_threads() != 1:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A finished search and training at preset tiny, made once for all that ask."""
    from helpers import tiny_runs

    return tiny_runs(tmp_path_factory.getbasetemp())
