"""``python -m tests.faults``: put the faults in, judge, and print one table."""

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

from tests.faults.code_hash import code_hash
from tests.faults.results import FEW, MANY, TRIED, Result, latest, read
from tests.faults.runner import Runner, replay
from tests.faults.scenario import Scenario
from tests.faults.scenarios import every_scenario
from tests.faults.table import printed

FOLDER = Path(".faults")
QUICK_SECONDS = 200.0
"""No run begins later in ``--quick``: with the last one it stays below four minutes."""


def main() -> int:
    """The exit status is 1 when something was violated, or a scenario has shown nothing."""
    options = _parser().parse_args()
    known = {each.name: each for each in every_scenario()}
    code = code_hash()
    if options.list:
        for each in known.values():
            print(f"{each.name:<24} {'quick' if each.quick else '     '}  {each.about}")
        return 0
    if options.report:
        return _verdict(read(options.results, code))
    chosen = _chosen(known, options)
    seconds = options.seconds or (QUICK_SECONDS if options.quick else None)
    until = time.monotonic() + seconds if seconds else float("inf")
    failures = options.results.parent / "failures"
    shown = read(options.results, code) if options.missing else []
    enough = options.seeds is None and not options.quick
    runner = Runner(code, options.results, failures, until, shown, enough)
    try:
        asyncio.run(_run(runner, chosen, options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped", file=sys.stderr)
        return _verdict(runner.done) or 130
    if runner.left:
        print(f"no time was left for {len(runner.left)} runs: {', '.join(runner.left[:10])} …")
    return _verdict(runner.done)


async def _run(runner: Runner, chosen: list[Scenario], options: argparse.Namespace) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    first = options.first_seed
    count = options.seeds or (1 if options.quick else TRIED)
    seeds = dict.fromkeys((each.name for each in chosen), range(first, first + count))
    await runner.all(chosen, seeds)


def _chosen(known: dict[str, Scenario], options: argparse.Namespace) -> list[Scenario]:
    if options.scenario:
        unknown = [name for name in options.scenario if name not in known]
        if unknown:
            sys.exit(f"no such scenario: {', '.join(unknown)} (see --list)")
        return [known[name] for name in options.scenario]
    return [each for each in known.values() if each.quick or not options.quick]


def _verdict(done: list[Result]) -> int:
    """Print the table; the exit status."""
    results = latest(done)
    print(f"\n{printed(results)}", flush=True)
    bad = [each for each in results if each.verdict == "BAD"]
    for each in bad:
        print(f"BAD: {replay(each)}")
    names = {each.scenario for each in results}
    shown = {each.scenario for each in results if each.verdict != "void"}
    for name in sorted(names - shown):
        print(f"VOID: {name} has shown nothing: its fault never bit")
    return 1 if bad or names - shown or not results else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--scenario", nargs="+", metavar="NAME", help="these only")
    parser.add_argument(
        "--seeds", type=int, metavar="N", help=f"how many; else {MANY}, or {FEW} of a long one"
    )
    parser.add_argument("--first-seed", type=int, default=1, metavar="N")
    parser.add_argument("--quick", action="store_true", help="those of CI, one seed each")
    parser.add_argument("--list", action="store_true", help="name the scenarios, and run none")
    parser.add_argument("--seconds", type=float, metavar="N", help="begin no run after so long")
    parser.add_argument("--results", type=Path, default=FOLDER / "results.jsonl", metavar="FILE")
    parser.add_argument(
        "--missing", action="store_true", help="only what the results do not show of this code yet"
    )
    parser.add_argument("--report", action="store_true", help="the table of what is in the file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
