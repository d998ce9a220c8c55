"""Rows measured here, for the paper's tables: from recorded studies, with all that decides them.

Of a table's own pictures, so they stand in its columns; what was measured on others:
``our_studies.blocks``. No torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hinas_book.kit.recorded import names, recorded, registered
from hinas_book.paper.published import SETS


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One row under a published table."""

    table: int
    where: dict[str, str]
    "as printed in the table's other columns, e.g. scale ×4"
    method: str
    values: dict[str, float]
    "column -> value"
    n: str
    "pictures behind each value, data set by data set"
    dataset: str
    protocol: str
    preset: str
    "of the training; none: nothing was trained"
    device: str
    seed: int
    source: str
    "the record, and with it the command"


def measured(number: int) -> list[Measured]:
    """The rows that belong under table ``number``."""
    rows = {}
    for row in (*_denoising(), *_bicubic(), *_state_of_the_art()):
        # a classical method that two studies measured alike stands once
        key = (
            *(row.method, row.dataset, row.protocol, row.preset),
            *row.where.items(),
            *row.values,
        )
        if row.table == number:
            rows.setdefault(key, row)
    return list(rows.values())


COLUMN = {name: column for column, name in SETS.items()}
"data set -> a column's ending"


def _measured(table: int, rows: dict[str, dict], where: dict | None = None, **more) -> Measured:
    """A row of a table from ``rows``: a column's ending -> row of a record."""
    values = {}
    for end, row in rows.items():
        values |= {f"psnr_{end}": row["psnr"], f"ssim_{end}": row["ssim"]}
    n = ", ".join(str(row["n"]) for row in rows.values())
    return Measured(table=table, where=where or {}, values=values, n=n, **more)


def _denoising() -> Iterator[Measured]:
    """Table 10 from ``study protocol`` on BSDS500: its means under the protocol ``whole``."""
    for name in names():
        # other sets than the table's have no column there
        if not (name.startswith("protocol-") and "-BSDS500-" in name):
            continue
        study = recorded(name)
        whole = next(m for m in study["means"] if m["protocol"] == "whole")
        stamp = study["stamp"]  # empty: a classical method
        method = f"demo net, {stamp['parameters']:,} parameters" if stamp else study["method"]
        # 200: all of them
        part = "" if whole["n"] == 200 else f", first {whole['n']}"
        yield _measured(
            10,
            {f"s{study['sigma']:g}": whole},
            method=method,
            dataset=f"BSDS500 test{part}",
            protocol="whole",
            preset=stamp.get("preset", "none"),
            device=study["env"]["device"],
            seed=stamp.get("seed", study["env"]["seed"]),
            source=f"{name}.json",
        )


def _place(scale: float) -> tuple[int, dict[str, str]]:
    """The table of a super-resolution scale, and what its other columns print there."""
    return (11, {}) if scale == 3 else (12, {"scale": f"×{scale:g}"})


def _bicubic() -> Iterator[Measured]:
    if "bicubic" not in names():
        return
    study = recorded("bicubic")
    # Table 11, then both scales of Table 12
    for scale in (3, 2, 4):
        rows = {COLUMN[r["dataset"]]: r for r in study["rows"] if r["scale"] == scale}
        table, where = _place(scale)
        yield _measured(
            table,
            rows,
            where,
            method="bicubic",
            dataset=", ".join(SETS[end] for end in rows),
            protocol=study["protocol"],
            preset="none",
            device=study["env"]["device"],
            seed=study["env"]["seed"],
            source="bicubic.json",
        )


def _state_of_the_art() -> Iterator[Measured]:
    """Of denoising a row per sigma, which ``merged`` joins; else one with all its data sets."""
    study = registered("state-of-the-art")
    groups: dict[tuple, dict[str, dict]] = {}
    for row in study["rows"] if study else ():
        key = row["method"], row["task"], row["level"], row["protocol"]
        end = COLUMN[row["test"]] if row["task"] == "sr" else f"s{row['level']:g}"
        groups.setdefault(key, {})[end] = row
    for (method, task, level, protocol), rows in groups.items():
        first = next(iter(rows.values()))
        if first["parameters"] is not None:
            method += f", {first['parameters']:,} parameters"
        table, where = _place(level) if task == "sr" else (10, {})
        # set by set, in the order of n
        sets = ", ".join(row["test"] for row in rows.values())
        yield _measured(
            table,
            rows,
            where,
            method=method,
            dataset=sets if task == "sr" else f"{sets} test",
            protocol=protocol,
            # not the row's own: that has a star for its sigma, which the column says
            preset="none" if first["preset"] == "none" else study["preset"],
            device=study["device"],
            seed=first["seed"],
            source="state-of-the-art.json",
        )


def merged(rows: list[Measured]) -> list[Measured]:
    """Rows that differ in their columns alone become one: a method at three noise levels.

    Their values never overwrite each other.
    """
    out: list[Measured] = []
    for row in rows:
        for place, other in enumerate(out):
            if _can_join(other, row):
                # each record once
                sources = dict.fromkeys([*other.source.split(", "), row.source])
                values = other.values | row.values
                out[place] = replace(row, values=values, source=", ".join(sources))
                break
        else:
            out.append(row)
    return out


def _can_join(a: Measured, b: Measured) -> bool:
    alike = replace(a, values={}, source="") == replace(b, values={}, source="")
    return alike and not a.values.keys() & b.values.keys()


def by_protocol(number: int) -> dict[str, list[Measured]]:
    """The merged rows under table ``number``, protocol -> rows: they may not share a table."""
    groups: dict[str, list[Measured]] = {}
    for row in merged(measured(number)):
        groups.setdefault(row.protocol, []).append(row)
    return groups


def one_protocol(rows: list[Measured]) -> str:
    """The protocol that all rows share. ValueError when they do not: no table may mix them."""
    protocols = sorted({row.protocol for row in rows})
    if len(protocols) != 1:
        raise ValueError(
            f"rows of {len(protocols)} protocols in one table: {', '.join(protocols) or 'none'}; "
            "print them in tables of their own"
        )
    return protocols[0]
