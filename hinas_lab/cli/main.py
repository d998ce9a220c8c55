"""``hinas-lab``: parses the command line, runs one command, turns errors into one line.

Exit codes: 0 done; 1 a check found something; 2 bad input or usage; 130 interrupted (the run folder
is valid)."""

import argparse
import os
import pkgutil
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import hinas_lab

PACKAGES = {"skimage": "scikit-image", "PIL": "pillow", "pywt": "PyWavelets"}
ROOMS = ("hinas_lab.cli", "hinas_book.cli")
"""where commands are found: a module with ``add(commands)``. Without the book there are three fewer
"""
ORDER = (
    "doctor",
    "demo",
    "search",
    "train",
    "evaluate",
    "restore",
    "data",
    "study",
    "memory",
    "bench",
    "figures",
    "runs",
)
"""how the help lists them; a command that is not named here comes last"""


class Parser(argparse.ArgumentParser):
    """Usage errors in one line."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="hinas-lab",
        description="Differentiable architecture search for image restoration (HiNAS).",
    )
    parser.add_argument("--version", action="version", version=f"hinas_lab {hinas_lab.__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=Parser
    )
    for module in command_modules():
        module.add(commands)
    return parser


def command_modules() -> list[ModuleType]:
    """The modules of all commands, in the order of the help."""
    found = {}
    for room in ROOMS:
        if find_spec(room.partition(".")[0]) is None:
            continue
        for file in pkgutil.iter_modules(import_module(room).__path__):
            module = import_module(f"{room}.{file.name}")
            if hasattr(module, "add"):
                found[file.name] = module
    names = sorted(
        found, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)
    )
    return [found[name] for name in names]


def main(argv: list[str] | None = None) -> int:
    argv = list(sys.argv[1:] if argv is None else argv)
    debug, args = "--debug" in argv, None
    try:
        try:
            args = build_parser().parse_args([a for a in argv if a != "--debug"])
            return args.run_command(args)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        how = (
            f"continue with: hinas-lab {args.command} ... --resume"
            if hasattr(args, "resume")
            else getattr(args, "interrupted", "")
        )
        where = f"; {how}" if how else ""
        print(f"hinas-lab: interrupted{where}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output left
        _drop_stdout()
        return 0
    except Exception as error:
        if debug:
            raise
        _drop_stdout()
        print(f"hinas-lab: error: {_line(error)}", file=sys.stderr)
        return 2


def _line(error: Exception) -> str:
    """What the user reads: one line."""
    if isinstance(error, ModuleNotFoundError):
        return f"the package {error.name!r} is not installed: pip install {PACKAGES.get(error.name, error.name)}"
    line = " ".join(str(error).split())
    if isinstance(error, RuntimeError | MemoryError) and (
        "memory" in line or not line
    ):  # torch's is a RuntimeError
        return "not enough memory; lower batch, patch or width, or restore in smaller tiles"
    if isinstance(error, ValueError | OSError | FloatingPointError) and line:
        return line
    return f"internal error: {type(error).__name__}: {line} (please report it with the output of the same command and --debug)"


def _drop_stdout():
    """Where standard output cannot be written, do not try again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
