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

    @property
    def _head(self) -> str:
        return self.id if self.state == "a question" else f"{self.id}: {self.state}."

    def __repr__(self) -> str:
        # the head of a verdict ends its own sentence
        colon = ":" * (self.state == "a question")
        return f"{self._head}{colon} {self.text}".rstrip()

    def _repr_markdown_(self) -> str:
        return f"**{self._head}** {self.text}".rstrip()


def asks(id: str, text: str, *hints: str, within: float = 0.0, options: tuple[str, ...] = ()):
    """Register the function below as question ``id``; ``text`` and ``hints`` are format strings for
    the numbers that it returns. ValueError when another function has the id."""

    def register(draw):
        before = QUESTIONS.get(id)
        # the same name: its module was reloaded
        if before and before.draw.__qualname__ != draw.__qualname__:
            raise ValueError(f"question {id!r} is there twice")
        QUESTIONS[id] = Question(id, text, draw, hints, within, tuple(options))
        return draw

    return register


def student_name(student) -> str:
    """The name as it seeds: without case and spare spaces, so that ' ada' is Ada. ``...`` and None:
    no name."""
    if student is None or student is ...:
        return ""
    return " ".join(str(student).split()).casefold()


def generator(*names: str) -> random.Random:
    """A generator seeded by ``names``, the same on every machine."""
    text = "\n".join(names).encode(errors="backslashreplace")
    return random.Random(int.from_bytes(blake2b(text, digest_size=8).digest(), "big"))


def find(id: str, register: dict, what: str):
    """``register[id]``; ValueError with near ids when there is none. ``what``: what it holds."""
    if isinstance(id, str) and id in register:
        return register[id]
    asked = str(id).strip().lower()
    # first those of the same notebook, then what is spelt like it
    near = [key for key in register if key[:2] == asked[:2]]
    near = near or difflib.get_close_matches(asked, register, n=4, cutoff=0.5) or register
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
    """The question ``id`` with this student's numbers; shows itself. ValueError for an unknown
    id."""
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
        text = f"Expected {_expected(right, q)}, not {brief(answer)}."
        return Shown(q.id, "cannot be read", text)
    if _same(given, right, q.within):
        return Shown(q.id, "right", f"The answer: {_show(right, q.within)}.")
    key = q.id, student_name(student)
    _tries[key] = _tries.get(key, 0) + 1
    replies = []
    for wrong, remark in remarks:
        # with some numbers a wrong belief gives the right answer: then nothing is said to it
        if _same(given, wrong, q.within) and not _same(right, wrong, q.within):
            replies.append(remark)
    if isinstance(right, float) and 0 < right <= 1 and _same(given / 100, right, q.within):
        replies.append("The size is right, but a share lies between 0 and 1.")
    n = min(_tries[key], len(q.hints))
    replies.append(f"Hint {n} of {len(q.hints)}: {q.hints[n - 1].format(**values)}")
    return Shown(q.id, "not yet", " ".join(replies))


def _full_text(q: Question, values: dict, answer) -> str:
    return f"{q.text.format(**values)}\n\nAnswer with {_expected(answer, q)}."


def _expected(right, q: Question) -> str:
    """What kind of answer is asked for, with an example."""
    if isinstance(right, str):
        return f"one of {', '.join(map(repr, q.options))}"
    if isinstance(right, tuple):
        # 0, 1, 1, ...: legal in every supernet, and hardly ever the answer
        example = tuple(min(l, 1) for l in range(len(right)))
        return f"a path such as {example}: {len(right)} width indices"
    if q.within:
        return f"a number such as 0.5 (within {q.within:g})"
    return "a number such as 3 (exact)"


def _read(answer, right, options):
    """``answer`` as the kind of value that ``right`` is; any exception when it is something
    else."""
    if isinstance(right, str):
        words = {option.casefold(): option for option in options}
        return words[answer.strip().casefold()]
    if isinstance(right, tuple):
        return _read_path(answer)
    return _number(answer)


def _read_path(answer) -> tuple:
    if isinstance(answer, str):
        # cut, so that a text of any length is read at once
        text = answer[:100].replace("->", ",").strip("()[] ")
        # 1-2-2 is a path, and 0, -1, 1 has a sign
        if re.fullmatch(r"\d+(-\d+)+", text):
            parts = text.split("-")
        else:
            parts = re.findall(r"[-+.\w]+", text)
        return tuple(map(int, parts)) or int("no number in it")
    if type(answer) not in (tuple, list):  # arrays; no generator, which might never end
        answer = answer.tolist()
    return tuple(_number(x) for x in answer[:100])


def _number(x) -> float | int:
    """A finite real number, also out of an array or tensor that holds one."""
    x = x.item() if hasattr(x, "item") else x
    if isinstance(x, bool) or not isinstance(x, numbers.Real):
        raise TypeError("not a number")
    if not math.isfinite(x):  # OverflowError for a whole number beyond any float
        raise ValueError("not finite")
    return int(x) if isinstance(x, numbers.Integral) else float(x)


def _same(given, right, within: float) -> bool:
    if given == right or isinstance(right, str | tuple):
        return given == right
    # a hair of room, so that an answer written with as many digits as the tolerance is not lost to
    # rounding
    room = within * (1 + 1e-9) + 1e-9 * abs(right) * (within > 0)
    return abs(given - right) <= room


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
    if len(text) > most:
        text = text[: most - 3] + "..."
    return f"`{text}`"


def text_table(rows: dict[str, list] | list[str]) -> str:
    """{row: values} as aligned lines, or ready lines, as a block that Markdown keeps as it is."""
    lines = rows
    if isinstance(rows, dict):
        lines = []
        for name, values in rows.items():
            lines.append(f"{name:<22}" + " ".join(f"{value:>8}" for value in values))
    # four spaces make a block of code
    return "\n\n" + "".join(f"    {line}\n" for line in lines) + "\n"
