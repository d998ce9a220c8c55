"""Questions with one's own numbers: the variant follows from the student's name, the answer is
worked out anew at every check.

A question is a function that draws its numbers from a seeded generator and works out the answer
with the package's own code, under the decorator ``asks`` with its text. It returns the numbers of
the text, the answer (int or float: a number; str: a word; tuple: a width path) and, where a wrong
belief has its own answer, that answer with what to say to it.
"""

import difflib
import math
import numbers
import random
import re
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b

QUESTIONS: dict[str, "Question"] = {}
_tries: dict[tuple[str, str], int] = {}
"(id, student) -> wrong answers in this kernel"


@dataclass(frozen=True)
class Question:
    """One question; ``draw`` makes its variants."""

    id: str
    text: str
    draw: Callable[[random.Random], tuple]
    hints: tuple[str, ...]
    "told one after the other; the last one says which function of the package gives the answer"
    within: float
    "how far off a number may be"
    options: tuple[str, ...]
    "words to choose from"


@dataclass(frozen=True)
class Shown:
    """A text that shows itself: Markdown in a notebook, plain elsewhere. True when it says that an
    answer is right."""

    id: str
    state: str
    "a question | right | not yet | not answered yet | cannot be read"
    text: str

    def __bool__(self) -> bool:
        return self.state == "right"

    def __repr__(self) -> str:
        return (
            f"{self.id}: {self.text}"
            if self.state == "a question"
            else f"{self.id}: {self.state}. {self.text}".rstrip()
        )

    def _repr_markdown_(self) -> str:
        return (
            f"**{self.id}** {self.text}"
            if self.state == "a question"
            else f"**{self.id}: {self.state}.** {self.text}".rstrip()
        )


def asks(id: str, text: str, *hints: str, within: float = 0.0, options: tuple[str, ...] = ()):
    """Register the function below as question ``id``; ``text`` and ``hints`` are format strings for
    the numbers that it returns."""

    def register(draw):
        if (
            id in QUESTIONS and QUESTIONS[id].draw.__qualname__ != draw.__qualname__
        ):  # the same one: its module was reloaded
            raise ValueError(f"question {id!r} is there twice")
        QUESTIONS[id] = Question(id, text, draw, hints, within, tuple(options))
        return draw

    return register


def student_name(student) -> str:
    """The name as it seeds: without case and spare spaces, so that ' ada' is Ada. ``...`` and None:
    no name."""
    return (
        " ".join(str(student).split()).casefold()
        if student is not None and student is not ...
        else ""
    )


def generator(*names: str) -> random.Random:
    """A generator seeded by ``names``, the same on every machine."""
    text = "\n".join(names).encode(errors="backslashreplace")
    return random.Random(int.from_bytes(blake2b(text, digest_size=8).digest(), "big"))


def find(id: str, known: dict, what: str):
    """``known[id]``; ValueError with near ids when there is none."""
    if isinstance(id, str) and id in known:
        return known[id]
    asked = str(id).strip().lower()
    near = (
        [k for k in known if k[:2] == asked[:2]]
        or difflib.get_close_matches(asked, known, n=4, cutoff=0.5)
        or list(known)
    )
    raise ValueError(f"no {what} {id!r}; did you mean {', '.join(near)}?")


def variant(id: str, student="") -> tuple[Question, dict, object, tuple]:
    """The question, the numbers of this student's text, the answer, and wrong answers with what to
    say to them."""
    q = find(id, QUESTIONS, "question")
    values, answer, *remarks = q.draw(generator(id, student_name(student)))
    return q, values, answer, tuple(remarks)


def solve(id: str, student=""):
    """The answer, for teachers."""
    return variant(id, student)[2]


def question(id: str, student="") -> Shown:
    """The question ``id`` with this student's numbers; shows itself. ValueError for an unknown id."""
    q, values, answer, _ = variant(id, student)
    return Shown(q.id, "a question", _full_text(q, values, answer))


def check(id: str, answer=..., student="") -> Shown:
    """Is ``answer`` right for this student? Shows itself: right, not yet with a hint, not answered
    yet (``...``, None) with the question.

    Hints say more with every wrong answer in this kernel. No answer whatever raises; an unknown id
    is a ValueError.
    """
    q, values, right, remarks = variant(id, student)
    if answer is None or answer is ...:
        return Shown(q.id, "not answered yet", _full_text(q, values, right))
    try:
        given = _read(answer, right, q.options)
    except Exception:  # an answer may be any object, and its methods may do anything
        return Shown(
            q.id, "cannot be read", f"Expected {_expected(right, q)}, not {brief(answer)}."
        )
    if _same(given, right, q.within):
        return Shown(q.id, "right", f"The answer: {_show(right, q.within)}.")
    key = q.id, student_name(student)
    _tries[key] = _tries.get(key, 0) + 1
    said = [
        text
        for wrong, text in remarks
        if _same(given, wrong, q.within) and not _same(right, wrong, q.within)
    ]
    if isinstance(right, float) and 0 < right <= 1 and _same(given / 100, right, q.within):
        said.append("The size is right, but a share lies between 0 and 1.")
    told = min(_tries[key], len(q.hints))
    return Shown(
        q.id,
        "not yet",
        " ".join([*said, f"Hint {told} of {len(q.hints)}: {q.hints[told - 1].format(**values)}"]),
    )


def _full_text(q: Question, values: dict, answer) -> str:
    return f"{q.text.format(**values)}\n\nAnswer with {_expected(answer, q)}."


def _expected(right, q: Question) -> str:
    if isinstance(right, str):
        return f"one of {', '.join(map(repr, q.options))}"
    if isinstance(right, tuple):
        return f"a path such as {tuple(min(l, 1) for l in range(len(right)))}: {len(right)} width indices"
    return (
        f"a number such as 0.5 (within {q.within:g})" if q.within else "a number such as 3 (exact)"
    )


def _read(answer, right, options):
    """``answer`` as the kind of value that ``right`` is; any exception when it is something else."""
    if isinstance(right, str):
        return next(o for o in options if o.casefold() == answer.strip().casefold())
    if isinstance(right, tuple):
        if isinstance(answer, str):
            text = answer[:100].replace("->", ",").strip("()[] ")
            parts = (
                text.split("-")
                if re.fullmatch(r"\d+(-\d+)+", text)
                else re.findall(r"[-+.\w]+", text)
            )
            return tuple(map(int, parts)) or int("no number in it")
        if type(answer) not in (tuple, list):  # arrays; no generator, which might never end
            answer = answer.tolist()
        return tuple(_number(x) for x in answer[:100])
    return _number(answer)


def _number(x) -> float | int:
    """A finite real number, also out of an array or tensor that holds one."""
    x = x.item() if hasattr(x, "item") else x
    if isinstance(x, bool) or not isinstance(x, numbers.Real):
        raise TypeError("not a number")
    if not math.isfinite(x):  # OverflowError for a whole number beyond any float
        raise ValueError("not finite")
    return int(x) if isinstance(x, numbers.Integral) else float(x)


def _same(given, right, within: float) -> bool:
    if isinstance(right, str | tuple):
        return given == right
    # a hair of room, so that an answer written with as many digits as the tolerance is not lost to rounding
    return given == right or abs(given - right) <= within * (1 + 1e-9) + 1e-9 * abs(right) * (
        within > 0
    )


def _show(right, within: float) -> str:
    if isinstance(right, float):
        digits = max(0, 1 - math.floor(math.log10(within))) if within else 6
        return f"{right:.{digits}f}"
    return f"{right:,}" if isinstance(right, int) else f"{right}"


_SHORT = reprlib.Repr()
_SHORT.maxtuple = _SHORT.maxlist = 12
_SHORT.maxother = _SHORT.maxstring = 60


def brief(value, most: int = 80) -> str:
    """A short text for any object."""
    try:
        text = _SHORT.repr(value)
    except Exception:
        text = "an object that cannot be shown"
    return quoted(text, most)


def quoted(text: str, most: int) -> str:
    """``text`` on one line of at most ``most`` characters, in Markdown's quotes for code."""
    text = " ".join(text.replace("`", "'").split())
    return f"`{text if len(text) <= most else text[: most - 3] + '...'}`"


def text_table(rows: dict[str, list[float]] | list[str]) -> str:
    """Lines of numbers under ``names`` as a block that Markdown keeps as it is: {row: values}, or
    ready lines."""
    lines = (
        rows
        if isinstance(rows, list)
        else [f"{name:<22}" + " ".join(f"{v:>8}" for v in values) for name, values in rows.items()]
    )
    return "\n\n" + "\n".join("    " + line for line in lines) + "\n\n"
