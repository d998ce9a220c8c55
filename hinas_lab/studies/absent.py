"""A record that is not there yet stops no lesson: what would be made of it is the line that names its command. No torch."""

from collections.abc import Callable
from functools import wraps

from hinas_lab.studies.recorded import recorded


class Absent(str):
    """In place of a record: one line, which is also how it shows itself."""

    __repr__ = str.__str__


def record(name: str) -> dict | Absent:
    """The recorded study ``name``, or the line that says which command makes it. ValueError for a name that no command makes."""
    try:
        return recorded(name)
    except ValueError as error:
        line, found, _ = str(error).partition("; or take")
        if not found:
            raise
        return Absent(line)


def unless_absent(function: Callable) -> Callable:
    """``function``, which hands back the first ``Absent`` among its arguments and is called only when there is none."""

    @wraps(function)
    def asked(*args, **kwargs):
        lines = [x for x in (*args, *kwargs.values()) if isinstance(x, Absent)]
        return lines[0] if lines else function(*args, **kwargs)

    return asked
