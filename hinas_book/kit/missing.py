"""A recorded study for a lesson. One that is not there yet stops nothing: what would be made of it is the line that names its command. No
torch."""

from collections.abc import Callable
from functools import wraps

from hinas_book.kit.recorded import recorded


class MissingRecord(str):
    """In place of a record: one line, which is also how it shows itself; false, as nothing is there."""

    __repr__ = str.__str__
    __bool__ = lambda self: False  # noqa: E731


def load_record(name: str) -> dict | MissingRecord:
    """The recorded study ``name``, or the line that says which command makes it. ValueError for a name that no command makes."""
    try:
        return recorded(name)
    except ValueError as error:
        line, found, _ = str(error).partition("; or take")
        if not found:
            raise
        return MissingRecord(line)


def unless_missing(function: Callable) -> Callable:
    """``function``, which hands back the first ``Absent`` among its arguments and is called only when there is none."""

    @wraps(function)
    def called(*args, **kwargs):
        lines = [x for x in (*args, *kwargs.values()) if isinstance(x, MissingRecord)]
        return lines[0] if lines else function(*args, **kwargs)

    return called


@unless_missing
def scale(record: dict) -> str:
    """On what a record stands: ``preset study, builtin photographs, protocol whole, device cpu, 188 jobs, 54 minutes in all``."""
    names = ", ".join(record["presets"]) or record["preset"]
    seconds = record["job_seconds"]
    long = f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
    return (
        f"preset {names}, {record['data']} photographs, protocol {', '.join(record['protocols'])}, device {record['device']}, "
        f"{record['jobs']} jobs, {long} in all"
    )


def load_and_print(name: str, *say: Callable[[dict], list[str]]) -> dict | MissingRecord:
    """``record``, and printed: its scale, and the lines that each of ``say`` makes of it; of an absent one the line that stands for it."""
    told = load_record(name)
    print(scale(told), *(line for of in say if told for line in of(told)), sep="\n")
    return told
