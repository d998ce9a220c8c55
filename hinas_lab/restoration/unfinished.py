"""The rows of a measurement that was stopped, so that the same command goes on where it was. No torch."""

import json
from dataclasses import fields
from pathlib import Path

from hinas_lab.restoration.measure import Measurement
from hinas_lab.storage import write_atomic


class Unfinished:
    """Rows beside the file they are for, a JSON line each, under a first line that says what was measured.

    ``rows``: (protocol, image) -> Row of an earlier stop, without pictures. A file of another measurement (other method, images or level)
    is begun anew; a last line that a kill cut off is dropped. ``path`` None keeps nothing.
    """

    def __init__(self, path: Path | None, header: dict):
        self.path, self.rows, self._kept = path, {}, [json.dumps(header, sort_keys=True)]
        lines = (
            path.read_text("utf-8", errors="replace").split("\n") if path and path.exists() else []
        )
        if lines[:1] != self._kept:
            return
        for line in lines[1:-1]:  # a whole line ends with a newline
            try:
                row = Measurement(**json.loads(line))
            except (ValueError, TypeError):
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
    """A row without its picture, for JSON."""
    return {f.name: getattr(row, f.name) for f in fields(row) if f.name != "restored"}
