"""What the chapters declare, found by walking them. No torch.

A study or a figure is named in its own chapter and nowhere else.
"""

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import hinas_book

ADDED: dict[str, "Study"] = {}
"""studies from outside this package: ``ADDED[study.name] = study``"""


@dataclass(frozen=True, kw_only=True)
class Study:
    """An experiment that can be repeated: ``hinas-lab study NAME``.

    ``module`` is imported when it is needed. That of a registered design holds
    ``design(setting)``, a generator of jobs that returns the record
    (``hinas_lab.analysis.campaign``), and may hold ``findings(record)``, the lines that say what
    the record shows, ``judged_since(record)``, verdicts on claims that were registered when the
    record was there or what its own lack, ``at_first(record)``, what claims would be called as
    they were registered first, and ``figure(record)``, a matplotlib Figure; the record lies in
    ``data/studies/NAME.json``. That of another study holds ``add_options(parser)`` and
    ``run(args)``.
    """

    name: str
    question: str
    "what it asks, in a line, and the tables or figures of the paper that it belongs to"
    registered: bool = True
    "is it a design, run as jobs?"
    module: str | ModuleType = ""
    "where it is done; empty: the file of its room that is called like the study"

    def load(self) -> ModuleType:
        """The module, imported."""
        return import_module(self.module) if isinstance(self.module, str) else self.module

    def design(self, setting):
        """The generator of jobs for a ``Setting``."""
        return self.load().design(setting)

    def findings(self, record: dict) -> list[str]:
        """What the record says beside its claims, a line each."""
        findings: Callable | None = getattr(self.load(), "findings", None)
        return list(findings(record)) if findings else []

    def judged_since(self, record: dict) -> dict[str, dict]:
        """Claim -> verdict, of those that were registered when ``record`` was there, or that need
        more words than it has."""
        judged: Callable | None = getattr(self.load(), "judged_since", None)
        return judged(record) if judged else {}

    def at_first(self, record: dict) -> dict[str, str]:
        """Claim -> its verdict as it was registered first, in words, of those that changed."""
        told: Callable | None = getattr(self.load(), "at_first", None)
        return told(record) if told else {}

    def figure(self, record: dict):
        """The picture of a record, a matplotlib Figure; AttributeError when the study draws
        none."""
        return self.load().figure(record)


@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """A figure of the paper, redrawn from records and stored weights."""

    id: str
    title: str
    source: str = ""
    "what it is made from; empty: the record of ``study``, seed 0"
    scale: str = ""
    "paper (printed numbers, or a config of the paper), or a preset; empty: that of the record"
    study: str = ""
    "the registered study that it is made from"
    draw: str
    """``file:function`` of the room that declares it. ``function(load, local)`` yields (part,
    Drawing or Figure) pairs: a part is added to the id where a figure has several; ``load(name)``
    is a stored net as a function of pictures, ``local`` asks for the pictures that may stay on
    this machine only"""
    sources: str = ""
    """``file:function`` of the same room: ``function(id)`` gives the files, data and code, that a
    plot is drawn from. Empty: it is a ``Drawing``, which holds all that it shows"""

    def parts(self, load, local: bool) -> Iterator[tuple[str, object]]:
        """The (part, picture) pairs that ``draw`` yields."""
        return _named(self.draw)(load, local)

    def source_files(self) -> list[Path]:
        """What ``sources`` gives."""
        return _named(self.sources)(self.id) if self.sources else []


def _named(name: str) -> Callable:
    """The function ``module:function``."""
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)


@cache
def rooms() -> tuple[ModuleType, ...]:
    """The packages of the book in order of their names: chapters among them."""
    # found, not listed: a new chapter is a new folder, and nothing else
    packages = [info.name for info in pkgutil.iter_modules(hinas_book.__path__) if info.ispkg]
    return tuple(import_module(f"hinas_book.{name}") for name in sorted(packages))


def chapters() -> tuple[ModuleType, ...]:
    """The packages ``hinas_book.chNN_...``, in order."""
    return tuple(room for room in rooms() if room.__name__.startswith("hinas_book.ch"))


def _declared() -> Iterator[Study]:
    for room in rooms():
        for study in getattr(room, "STUDIES", ()):
            # a hyphen is legal on the command line, but not in a module's name
            module = study.module or f"{room.__name__}.{study.name.replace('-', '_')}"
            yield replace(study, module=module)


def studies() -> dict[str, Study]:
    """name -> study: registered designs first, chapter by chapter; those from outside last."""
    declared = sorted(_declared(), key=lambda study: not study.registered)  # a stable sort
    return {study.name: study for study in declared} | ADDED


def designs() -> dict[str, Study]:
    """name -> registered design."""
    return {name: study for name, study in studies().items() if study.registered}


def paper_figures() -> dict[str, PaperFigure]:
    """id -> figure of the paper, in the order of their numbers."""
    figures = {}
    for room in rooms():
        for figure in getattr(room, "FIGURES", ()):
            draw = f"{room.__name__}.{figure.draw}"
            sources = figure.sources and f"{room.__name__}.{figure.sources}"
            figures[figure.id] = replace(figure, draw=draw, sources=sources)
    return dict(sorted(figures.items()))
