"""What the pieces of a space's nets cost: MACs, parameters, and milliseconds of this machine."""

import numpy as np

from hinas_lab.presets import Preset
from hinas_lab.space.budget import Costs, Shape, arithmetic
from hinas_lab.space.latency_table import LatencyTable, TableShape, table_path

UNITS = {"MACs": (1e6, "MMAC"), "parameters": (1.0, "parameters"), "milliseconds": (1.0, "ms")}
"what is counted -> how much of it a printed 1 is, and what that is called"


def measured_here(settings: Preset) -> LatencyTable | str:
    """This machine's latency table of the preset; where there is none that holds, the line that
    says why, and the command that measures it."""
    path = table_path(settings)
    command = f"hinas-lab latency --preset {settings.name}"
    if not path.exists():
        return f"milliseconds: not measured on this machine yet; measure them: {command}"
    try:
        table = LatencyTable.load(path)
        table.check_machine()
        table.check_shape(TableShape.of(settings.space, settings.train))
    except ValueError as error:
        return f"milliseconds: {error}"
    return table


def macs_of(settings: Preset) -> Costs:
    """What the pieces of the preset's nets cost in MACs."""
    return _counted(settings, "MACs")


def _counted(settings: Preset, counted: str) -> Costs:
    space, shape = settings.space, Shape.trained(settings.train)
    return Costs(space, shape, arithmetic(space, shape, counted))


def costs_by(settings: Preset, table: LatencyTable | str) -> dict[str, Costs]:
    """What is counted -> what the preset's pieces cost; milliseconds only with a table."""
    by = {counted: _counted(settings, counted) for counted in ("MACs", "parameters")}
    if isinstance(table, LatencyTable):
        shape = Shape.trained(settings.train)
        by["milliseconds"] = Costs(settings.space, shape, table.part_cost, table.fixed)
    return by


def channels_of(settings: Preset) -> list[int]:
    """Of a node, at each width."""
    return [int(factor * settings.train.width) for factor in settings.space.width_factors]


def rows_of(settings: Preset, costs: Costs) -> dict[str, np.ndarray]:
    """Piece -> (W,), its cost at each width: what every net has, then what an edge may hold."""
    space, widths = settings.space, len(costs.end)
    rows = {"start": np.full(widths, costs.start), "end": costs.end}
    for k, name in enumerate(space.ops):
        if name in space.choices:
            rows[name] = costs.operations[:, k]
    return rows


def pieces_text(settings: Preset) -> str:
    """A table of what each piece costs at each width, what all nets cost, and where MACs and
    milliseconds disagree."""
    table = measured_here(settings)
    by = costs_by(settings, table)
    channels = channels_of(settings)
    head, second = f"{'':<10}", f"{'channels':<10}"
    for counted in by:
        head += f"{UNITS[counted][1]:>{9 * len(channels)}}"
        second += "".join(f"{c:>9}" for c in channels)
    lines = [head, second]
    rows = {counted: rows_of(settings, costs) for counted, costs in by.items()}
    for name in rows["MACs"]:
        line = f"{name:<10}"
        for counted in by:
            size = UNITS[counted][0]
            digits = 0 if counted == "parameters" else 1
            line += "".join(f"{value / size:>9,.{digits}f}" for value in rows[counted][name])
        lines.append(line)
    for counted, costs in by.items():
        size, unit = UNITS[counted]
        least, most = (f"{value / size:,.0f}" for value in costs.extremes())
        lines.append(f"the nets of this space: {least} to {most} {unit}")
    if not isinstance(table, LatencyTable):
        return "\n".join([*lines, table])
    lines.append(f"milliseconds: {table.machine}, rho {table.rho:.2f} on nets it had not seen")
    for name, macs in rows["MACs"].items():
        took = rows["milliseconds"][name]
        if name in settings.space.choices and macs[0] > 0 and took[0] > 0:
            lines.append(
                f"{name}, {channels[0]} to {channels[-1]} channels: {macs[-1] / macs[0]:.1f} times "
                f"the MACs, {took[-1] / took[0]:.1f} times the milliseconds"
            )
    return "\n".join(lines)
