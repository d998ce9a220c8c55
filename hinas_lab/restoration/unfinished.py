"""The rows of a measurement that was stopped, so that the same command goes on where it was. No
torch."""

import json
from dataclasses import fields
from pathlib import Path

from hinas_lab.images.metrics import measured_metrics
from hinas_lab.restoration.measure import Measurement
from hinas_lab.storage import write_atomic


class Unfinished:
    """Rows beside the file they are for, a JSON line each, under a first line that says what was
    measured.

    ``rows``: (protocol, image) -> Measurement of an earlier stop, without pictures. A file of
    another measurement (other method, images or level) is begun anew; a last line that a kill cut
    off is dropped. ``path`` None keeps nothing.
    """

    def __init__(self, path: Path | None, header: dict):
        self.path = path
        self.rows: dict[tuple[str, str], Measurement] = {}
        # lines of the file that are good; written again with the first new row
        self._kept = [json.dumps(header, sort_keys=True)]
        if path is None or not path.exists():
            return
        lines = path.read_text("utf-8", errors="replace").split("\n")
        if lines[0] != self._kept[0]:
            return
        for line in lines[1:-1]:  # a whole line ends with a newline
            try:
                row = from_plain(json.loads(line))
            except (ValueError, TypeError, KeyError):
                break
            self.rows[row.protocol, row.image] = row
            self._kept.append(line)

    def add(self, row: Measurement):
        """Keep one more row. The file is begun with the first."""
        if self.path is None or (row.protocol, row.image) in self.rows:
            return
        if self._kept:
            write_atomic(self.path, "".join(f"{line}\n" for line in self._kept).encode())
            self._kept = []
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(plain(row)) + "\n")

    def finish(self):
        """All is measured and written: forget."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def plain(row: Measurement) -> dict:
    """A row without its picture, for JSON: its scores are keys like the others."""
    values = {}
    for field in fields(row):
        if field.name == "scores":
            values |= row.scores
        elif field.name != "restored":
            values[field.name] = getattr(row, field.name)
    return values


def from_plain(values: dict) -> Measurement:
    """The row that ``plain`` gave. KeyError or TypeError when it has not just today's metrics."""
    others = dict(values)
    scores = {metric.name: others.pop(metric.name) for metric in measured_metrics()}
    return Measurement(scores=scores, **others)
