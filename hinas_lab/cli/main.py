"""``hinas-lab``: parses the command line, runs one command, turns errors into one line.

A command is a module in ``hinas_lab/cli`` or ``hinas_book/cli`` that has ``add(commands)``; nothing
else has to name it. ``add`` makes the command's parser and sets its default ``run_command``, a
function of the parsed arguments that returns the exit code. Modules without ``add`` are shared.

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

COMMAND_PACKAGES = ("hinas_lab.cli", "hinas_book.cli")
"where commands are looked for; the laboratory also works without the book"
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
"how the help lists them; a command that is not named here comes last"
PIP_NAMES = {"skimage": "scikit-image", "PIL": "pillow", "pywt": "PyWavelets"}
"module -> package, where they differ"


class Parser(argparse.ArgumentParser):
    """Usage errors in one line."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line, with every command that is found."""
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
    modules = {}
    for package in COMMAND_PACKAGES:
        if find_spec(package.partition(".")[0]) is None:
            continue
        for file in pkgutil.iter_modules(import_module(package).__path__):
            name = f"{package}.{file.name}"
            try:
                module = import_module(name)
            except Exception as error:  # one broken command must not take the others with it
                print(
                    f"hinas-lab: {name} is left out: {type(error).__name__}: {error}",
                    file=sys.stderr,
                )
                continue
            if hasattr(module, "add"):
                modules[file.name] = module
    names = [name for name in ORDER if name in modules]
    names += sorted(modules.keys() - set(ORDER))
    return [modules[name] for name in names]


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv`` (default: that of the process); returns the exit code. With
    ``--debug`` an error is raised instead of printed."""
    _write_in_any_encoding()
    words = list(sys.argv[1:] if argv is None else argv)
    # taken out by hand: it may stand before or after the command
    debug = "--debug" in words
    args = None
    try:
        try:
            args = build_parser().parse_args([word for word in words if word != "--debug"])
            return args.run_command(args)
        finally:
            # a full disk or a reader that left shows here, not at exit
            sys.stdout.flush()
    except KeyboardInterrupt:
        print(f"hinas-lab: interrupted{_how_to_continue(args)}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output left
        _drop_stdout()
        return 0
    except Exception as error:
        if debug:
            raise
        _drop_stdout()
        print(f"hinas-lab: error: {_error_line(error)}", file=sys.stderr)
        return 2


def _write_in_any_encoding():
    """A character that the terminal or the pipe does not have becomes a question mark: what is
    computed does not fail for how it is printed."""
    for stream in (sys.stdout, sys.stderr):
        # a notebook's streams take everything and have no such method
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _how_to_continue(args: argparse.Namespace | None) -> str:
    """What follows "interrupted". ``args``: None when parsing was not done."""
    if hasattr(args, "resume"):
        return f"; continue with: hinas-lab {args.command} ... --resume"
    advice = getattr(args, "interrupted", "")
    return f"; {advice}" if advice else ""


def _error_line(error: Exception) -> str:
    """What the user reads: one line."""
    if isinstance(error, ModuleNotFoundError):
        package = PIP_NAMES.get(error.name, error.name)
        return f"the package {error.name!r} is not installed: pip install {package}"
    line = " ".join(str(error).split())
    # torch's is a RuntimeError, and Python's MemoryError has no text
    if isinstance(error, RuntimeError | MemoryError) and ("memory" in line or not line):
        return "not enough memory; lower batch, patch or width, or restore in smaller tiles"
    # raised by us or by the system with words for the user; all others are our mistakes
    if isinstance(error, ValueError | OSError | FloatingPointError) and line:
        return line
    return (
        f"internal error: {type(error).__name__}: {line} "
        "(please report it with the output of the same command and --debug)"
    )


def _drop_stdout():
    """Where standard output cannot be written, do not try again at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
