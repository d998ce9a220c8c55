"""A recorded study for a lesson, also one that is not there yet: it stops nothing.

In place of what would be made of it stands the line that names its command. No torch.
"""

from collections.abc import Callable
from functools import wraps

from hinas_book.kit.recorded import recorded


class MissingRecord(str):
    """In place of a record: one line, which is also how it shows itself; false in a condition."""

    __repr__ = str.__str__

    def __bool__(self) -> bool:
        return False


def load_record(name: str) -> dict | MissingRecord:
    """The recorded study ``name``, or the line that says which command makes it.

    ValueError for a name that no command makes.
    """
    try:
        return recorded(name)
    except ValueError as error:
        # the message names a command and then what else there is; a lesson shows the first part
        line, alternatives, _ = str(error).partition("; or take")
        if not alternatives:  # no command makes it: a misspelt name
            raise
        return MissingRecord(line)


def unless_missing(function: Callable) -> Callable:
    """``function``, called only when no argument is a ``MissingRecord``; else it returns that."""

    @wraps(function)
    def called(*args, **kwargs):
        for argument in (*args, *kwargs.values()):
            if isinstance(argument, MissingRecord):
                return argument
        return function(*args, **kwargs)

    return called


@unless_missing
def scale(record: dict) -> str:
    """What a record stands on: preset, photographs, protocol, device, jobs and their time."""
    presets = ", ".join(record["presets"]) or record["preset"]
    seconds = record["job_seconds"]
    duration = f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
    return (
        f"preset {presets}, {record['data']} photographs, "
        f"protocol {', '.join(record['protocols'])}, device {record['device']}, "
        f"{record['jobs']} jobs, {duration} in all"
    )


def load_and_print(name: str, *findings: Callable[[dict], list[str]]) -> dict | MissingRecord:
    """``load_record(name)``, printed: its scale, and the lines that each of ``findings`` makes.

    Of a missing record only the line that stands for it is printed.
    """
    record = load_record(name)
    print(scale(record))
    if record:
        for lines_of in findings:
            for line in lines_of(record):
                print(line)
    return record
