"""Rows measured here, for the paper's tables: from the recorded studies, each with all that decides it. No torch.

Of a table's own pictures, so they stand in its columns; what was measured on others: ``studies.beneath``.
"""

from dataclasses import dataclass

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
    known = {}
    for row in (*_denoising(), *_bicubic(), *_state_of_the_art()):
        if row.table == number:  # a classical method that two studies measured alike stands once
            known.setdefault(
                (
                    row.method,
                    *row.where.items(),
                    row.dataset,
                    row.protocol,
                    row.preset,
                    *row.values,
                ),
                row,
            )
    return list(known.values())


COLUMN = {name: column for column, name in SETS.items()}


def _columns(rows) -> dict[str, float]:
    """(end of a column's name, row of a record) pairs as values of a table."""
    return {f"{metric}_{end}": row[metric] for end, row in rows for metric in ("psnr", "ssim")}


def _denoising():
    for name in names():
        if not (name.startswith("protocol-") and "-BSDS500-" in name):
            continue
        study = recorded(name)
        whole = next(m for m in study["means"] if m["protocol"] == "whole")
        stamp, sigma = study.get("stamp") or {}, f"s{study['sigma']:g}"
        method = study["method"] if not stamp else f"demo net, {stamp['parameters']:,} parameters"
        values = {f"psnr_{sigma}": whole["psnr"], f"ssim_{sigma}": whole["ssim"]}
        part = "" if whole["n"] == 200 else f", first {whole['n']}"
        yield Measured(
            table=10,
            where={},
            method=method,
            values=values,
            n=str(whole["n"]),
            dataset="BSDS500 test" + part,
            protocol="whole",
            preset=stamp.get("preset", "none"),
            device=study["env"]["device"],
            seed=stamp.get("seed", study["env"]["seed"]),
            source=f"{name}.json",
        )


def _bicubic():
    if "bicubic" not in names():
        return
    study = recorded("bicubic")
    for number, scales in ((11, (3,)), (12, (2, 4))):
        for scale in scales:
            rows = [r for r in study["rows"] if r["scale"] == scale]
            yield Measured(
                table=number,
                where={"scale": f"×{scale}"} if number == 12 else {},
                method="bicubic",
                values=_columns((COLUMN[r["dataset"]], r) for r in rows),
                n=", ".join(str(r["n"]) for r in rows),
                dataset=", ".join(r["dataset"] for r in rows),
                protocol=study["protocol"],
                preset="none",
                device=study["env"]["device"],
                seed=study["env"]["seed"],
                source="bicubic.json",
            )


def _state_of_the_art():
    """Of denoising a row per sigma, which ``merged`` joins; of super-resolution one with all its data sets."""
    study = registered("state-of-the-art")
    groups: dict[tuple, list[dict]] = {}
    for r in study["rows"] if study else ():
        groups.setdefault((r["method"], r["task"], r["level"], r["protocol"]), []).append(r)
    for (method, task, level, protocol), rows in groups.items():
        values = _columns((COLUMN[r["test"]] if task == "sr" else f"s{level:g}", r) for r in rows)
        number = 10 if task == "denoise" else 11 if level == 3 else 12
        yield Measured(
            table=number,
            where={"scale": f"×{level:g}"} if number == 12 else {},
            method=method
            if rows[0]["parameters"] is None
            else f"{method}, {rows[0]['parameters']:,} parameters",
            values=values,
            n=", ".join(str(r["n"]) for r in rows),
            protocol=protocol,
            device=study["device"],
            preset="none"
            if rows[0]["preset"] == "none"
            else study["preset"],  # a star for its sigma, which the column says
            dataset=", ".join(r["test"] + " test" * (task == "denoise") for r in rows),
            seed=rows[0]["seed"],
            source="state-of-the-art.json",
        )


def merged(rows: list[Measured]) -> list[Measured]:
    """Rows that differ in their columns alone become one: a method at three noise levels. Their values never overwrite each other."""
    out: list[Measured] = []
    for row in rows:
        key = lambda r: (
            r.method,
            tuple(r.where.items()),
            r.n,
            r.dataset,
            r.protocol,
            r.preset,
            r.device,
            r.seed,
        )  # noqa: E731
        twin = next(
            (
                i
                for i, r in enumerate(out)
                if key(r) == key(row) and not set(r.values) & set(row.values)
            ),
            None,
        )
        if twin is None:
            out.append(row)
        else:
            sources = dict.fromkeys([*out[twin].source.split(", "), row.source])
            both = {"values": out[twin].values | row.values, "source": ", ".join(sources)}
            out[twin] = Measured(**vars(row) | both)
    return out


def by_protocol(number: int) -> dict[str, list[Measured]]:
    """The merged rows under table ``number``, each protocol's apart: they may not stand in one table."""
    rows = merged(measured(number))
    return {
        p: [r for r in rows if r.protocol == p] for p in dict.fromkeys(r.protocol for r in rows)
    }


def one_protocol(rows: list[Measured]) -> str:
    """The protocol that all rows share. ValueError when they do not: such rows may not stand in one table."""
    names = sorted({row.protocol for row in rows})
    if len(names) != 1:
        raise ValueError(
            f"rows of {len(names)} protocols in one table: {', '.join(names) or 'none'}; print them in tables of their own"
        )
    return names[0]
