"""Drawn faults: a sample of those that ``make fuzz`` plays."""

import os
import sys

import pytest

if not (hasattr(os, "fork") and os.path.exists("/dev/full")):
    pytest.skip("needs a system with fork and /dev/full", allow_module_level=True)

import fuzz

IN_PROCESS = [kind for kind in fuzz.KINDS if kind != "environment"]
CASES = [(IN_PROCESS[i % len(IN_PROCESS)], i // len(IN_PROCESS)) for i in range(63)]


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    return fuzz.Lab(tmp_path_factory.getbasetemp())


@pytest.mark.parametrize(("kind", "seed"), CASES)
def test_answered_well(lab, kind, seed):
    case, wrong = fuzz.run(lab, kind, seed)
    assert not wrong, f"{case.what}: {'; '.join(wrong)}"


def test_it_finds_what_is_wrong(lab, tmp_path, monkeypatch):
    """A traceback, a file left behind, a wrong exit code, a crash: each is told."""
    monkeypatch.chdir(tmp_path)

    def crash():
        os.kill(os.getpid(), 9)

    def traceback():
        open(".left", "w").close()
        raise RuntimeError

    case = fuzz.Case(["doctor"], "")
    for command, words in (
        (crash, ["exit code -9"]),
        (traceback, ["lines on standard error", "RuntimeError", "left"]),
        (lambda: sys.exit(2), ["0 lines on standard error"]),
    ):
        monkeypatch.setattr(fuzz, "main", command)
        wrong = " ".join(fuzz.complaints(case, tmp_path))
        assert all(word in wrong for word in words), wrong
