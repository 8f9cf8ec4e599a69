"""The table that people read, and the JSON that programs read."""

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from tests.bench.row import Row

HEAD = ("work", "unit", "ours", "floor", "×", "p99 ours", "p99 floor", "p99 ×", "target", "met")


def printed(rows: Sequence[Row]) -> str:
    """All rows, in columns."""
    lines = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    return "\n".join(
        "  ".join(_aligned(cell, width, column) for column, (cell, width) in enumerate(each))
        for each in (zip(line, widths, strict=True) for line in lines)
    )


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if 2 <= column <= 7 else cell.ljust(width)


def _cells(row: Row) -> tuple[str, ...]:
    met = {True: "yes", False: "NO", None: "–"}[row.met]
    numbers = (row.ours, row.floor, row.ratio, row.ours_p99, row.floor_p99, row.p99_ratio)
    return (row.name, row.unit, *(_short(number) for number in numbers), row.target, met)


def _short(number: float | None) -> str:
    if number is None:
        return "–"
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def write(path: Path, rows: Sequence[Row], seconds: float) -> None:
    """The rows, and the machine that they were measured on, as JSON."""
    machine = {
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }
    told = {"seconds": round(seconds, 1), "machine": machine, "rows": [r.as_json() for r in rows]}
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
