"""Two tables in Markdown, as they stand in the runbook, and JSON for programs."""

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from tests.bench.fanout.result import Fleet, Run

SAVES = (
    "replicas", "prompt", "last replica, ms: p50", "p99", "× floor", "append answered, ms: p50",
    "server CPU a save, ms", "× floor", "sent a save", "append-only file a save", "memory for a moment",
)  # fmt: skip
IDLE = (
    "replicas", "connections each", "server memory each", "commands/s", "server CPU",
    "sent/s", "append-only file/s", "PING, ms: p50", "p99", "admin CPU", "admin memory",
    "save, 2 KB, until all have reported, ms: p50", "p99",
)  # fmt: skip


def markdown(run: Run) -> str:
    """Both tables, and what they were measured with."""
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    head = (
        f"`{command('fan-out')}`: {run.server}, `appendfsync always`; replicas in {run.processes} "
        f"processes, an admin, the server and who measures on the same {machine}."
    )
    saves = [row for fleet in run.fleets for row in _saves(fleet)]
    missed = sum(fleet.missed for fleet in run.fleets)
    notes = [f"{missed} saves were answered before all had reported."] if missed else []
    tables = _table(SAVES, saves), _table(IDLE, [_idle(fleet) for fleet in run.fleets])
    return "\n\n".join([head, *tables, *notes])


def command(target: str) -> str:
    """What was called, with the program that the server is."""
    program = os.environ.get("PROMPTCAST_TEST_SERVER")
    return f"PROMPTCAST_TEST_SERVER={program} make {target}" if program else f"make {target}"


def _saves(fleet: Fleet) -> Iterator[list[str]]:
    for ours, floor in zip(fleet.ours, fleet.floor, strict=True):
        yield [
            f"{fleet.members:,}", f"{ours.size // 1000} KB",
            _short(ours.last.p50), _short(ours.last.p99), _ratio(ours.last.p50, floor.last.p50),
            _short(ours.answered.p50), _short(ours.cpu), _ratio(ours.cpu, floor.cpu),
            _bytes(ours.sent), _bytes(ours.logged), _bytes(ours.burst),
        ]  # fmt: skip


def _idle(fleet: Fleet) -> list[str]:
    idle = fleet.idle
    return [
        f"{fleet.members:,}", _short(fleet.connections), _bytes(idle.memory), _short(idle.used.commands),
        _share(idle.used.cpu), _bytes(idle.used.sent), _bytes(idle.used.logged),
        _short(idle.ping.p50), _short(idle.ping.p99), _share(idle.admin_cpu),
        _bytes(idle.admin_memory), _short(fleet.saved.p50), _short(fleet.saved.p99),
    ]  # fmt: skip


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ratio(ours: float, floor: float) -> str:
    return f"{ours / floor:.2f}" if floor > 0 else "–"


def _share(of_a_core: float | None) -> str:
    return "–" if of_a_core is None else f"{of_a_core:.1%}"


def _short(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _bytes(count: float) -> str:
    for unit, size in (("MB", 1e6), ("KB", 1e3)):
        if abs(count) >= size:
            return f"{_short(count / size)} {unit}"
    return f"{count:.0f} B"


def as_json(run: Run) -> str:
    """All of it, every sample among it."""
    machine = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }
    return json.dumps({**asdict(run), "machine": machine}, indent=2) + "\n"
