"""What the notebooks ask: questions with one's own numbers, exercises in code, toy problems. Sees
everything below it; loads no torch.

lessons.question("01.a", student="Ada")         the question with Ada's numbers
lessons.check("01.a", 14, student="Ada")        right, or not yet with a hint
lessons.check_function("ex02", viterbi)         a function of one's own against the package
"""

from importlib import import_module
from importlib.util import find_spec

from hinas_book.kit.registry import chapters
from hinas_book.lessons.exercises import check_function
from hinas_book.lessons.questions import QUESTIONS, check, question

__all__ = ["QUESTIONS", "check", "check_function", "question"]

for chapter in chapters():  # their exercises register their questions
    if find_spec(f"{chapter.__name__}.exercises"):
        import_module(f"{chapter.__name__}.exercises")
