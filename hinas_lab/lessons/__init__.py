"""What the notebooks ask: questions with one's own numbers, exercises in code, toy problems. Sees everything below it; loads no torch.

    lessons.question("01.a", student="Ada")         the question with Ada's numbers
    lessons.check("01.a", 14, student="Ada")        right, or not yet with a hint
    lessons.check_function("ex02", viterbi)         a function of one's own against the package
"""

from hinas_lab.lessons import nb01, nb02, nb03, nb04, nb05, nb06, nb07, nb08, nb09, nb10  # noqa: F401 - they register their questions
from hinas_lab.lessons.exercises import check_function
from hinas_lab.lessons.questions import QUESTIONS, check, question

__all__ = ["QUESTIONS", "check", "check_function", "question"]
