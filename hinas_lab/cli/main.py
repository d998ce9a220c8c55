"""``hinas-lab``: parses the command line, runs one command, turns errors into one line.

A command is a module in ``hinas_lab/cli`` or ``hinas_book/cli`` that has ``add(commands)``; nothing
else has to name it. ``add`` makes the command's parser and sets its default ``run_command``, a
function of the parsed arguments that returns the exit code. Modules without ``add`` are shared.

Exit codes: 0 done; 1 a check found something; 2 bad input or usage; 130 interrupted (the run folder
is valid)."""

import argparse
import os
import pkgutil
import re
import sys
import warnings
from contextlib import suppress
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
    "explore",
    "restore",
    "data",
    "study",
    "memory",
    "latency",
    "bench",
    "figures",
    "runs",
)
"how the help lists them; a command that is not named here comes last"
PIP_NAMES = {"skimage": "scikit-image", "PIL": "pillow", "pywt": "PyWavelets"}
"module -> package, where they differ"
ENVIRONMENT = {
    "OMP_NUM_THREADS": r"\d+(,\d+)*",
    "MKL_NUM_THREADS": r"\d+",
    "TORCH_CPP_LOG_LEVEL": r"[0-3]|INFO|WARNING|ERROR|FATAL",
    # nothing here is compiled, and progress bars are as the commands say
    "TORCH_LOGS": "",
    "TORCH_(ALLOW|BLAS|SHOW)_.*": "[01]",
    "TQDM_.*": "",
}
"""variables (a pattern) -> the values (a pattern) that the libraries can read; others end a command
with a traceback or a line of their own, and are taken away"""
LONGEST_WORD, LONGEST_LINE = 160, 400
"characters of a message"


class Parser(argparse.ArgumentParser):
    """Usage errors in one line."""

    def error(self, message: str):
        line = shortened(f"{self.prog}: error: {message} (see {self.prog} --help)")
        self.exit(2, f"{line}\n")


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
                say(f"hinas-lab: {name} is left out: {type(error).__name__}: {error}")
                continue
            if hasattr(module, "add"):
                modules[file.name] = module
    names = [name for name in ORDER if name in modules]
    names += sorted(modules.keys() - set(ORDER))
    return [modules[name] for name in names]


def main(argv: list[str] | None = None) -> int:
    """Run the command line ``argv`` (default: that of the process); returns the exit code. With
    ``--debug`` an error is raised instead of printed."""
    if argv is None:
        _prepare_process()
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
        say(f"hinas-lab: interrupted{_how_to_continue(args)}")
        return 130
    except BrokenPipeError:  # the reader of our output left
        _drop_stdout()
        return 0
    except Exception as error:
        if debug:
            raise
        _drop_stdout()
        say(f"hinas-lab: error: {_error_line(error)}")
        return 2


def _write_in_any_encoding():
    """A character that the terminal or the pipe does not have becomes a question mark: what is
    computed does not fail for how it is printed."""
    for stream in (sys.stdout, sys.stderr):
        # a notebook's streams take everything and have no such method
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _prepare_process():
    """What a shell, or a notebook's ``!hinas-lab``, may have left odd."""
    for stream in (0, 1, 2):
        try:
            os.fstat(stream)
        except OSError:  # closed: the next file to be opened would take its place
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))
    # commands draw into files; a notebook's own backend need not be installed
    os.environ["MPLBACKEND"] = "Agg"
    for name, value in list(os.environ.items()):
        for pattern, readable in ENVIRONMENT.items():
            if re.fullmatch(pattern, name) and not re.fullmatch(readable, value):
                os.environ.pop(name, None)
    warnings.showwarning = _show_warning


_shown = set()


def _show_warning(message, category, filename, *_):
    """A library's warning in one line, once: Pillow says of one file the same several times."""
    if (category, filename) not in _shown:
        _shown.add((category, filename))
        say(f"hinas-lab: warning: {' '.join(str(message).split())}")


def say(line: str):
    """A line on standard error, as far as somebody reads it."""
    with suppress(OSError, ValueError):
        print(shortened(line), file=sys.stderr)


def shortened(line: str) -> str:
    """``line`` with long words, then the line itself, cut in the middle: a value that was typed may
    have thousands of characters, and what to do about it stands at the end."""
    words = [_cut(word, LONGEST_WORD) for word in line.split(" ")]
    return _cut(" ".join(words), LONGEST_LINE)


def _cut(text: str, most: int) -> str:
    half = (most - 5) // 2
    return text if len(text) <= most else f"{text[:half]} ... {text[-half:]}"


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
    except (OSError, ValueError):  # ValueError: it is closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
