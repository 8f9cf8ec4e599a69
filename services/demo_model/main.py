"""Running the demo model as a process of its own, until it is told to end."""

import argparse
import asyncio
import contextlib
import os
import signal
from pathlib import Path

import structlog

from services.demo_model.server import WORD_SECONDS, start
from services.logs import configure

_log = structlog.stdlib.get_logger(__name__)


def main(argv: list[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Prints nothing but log lines, on standard error."""
    options = _parser().parse_args(argv)
    configure("info", "json")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.host, options.port, options.pause_ms / 1000, options.port_file))


async def _serve(host: str, port: int, pause: float, port_file: Path | None) -> None:
    told_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told_to_end.set)
    runner, taken = await start(host, port, pause=pause)
    try:
        if port_file is not None:
            write_port(port_file, taken)
        _log.info("demo_model_started", host=host, port=taken)
        await told_to_end.wait()
    finally:
        await runner.cleanup()
    _log.info("demo_model_ended")


def write_port(file: Path, port: int) -> None:
    """Write the port, in decimal, so that whoever reads the file finds it whole or not at all."""
    partial = file.with_name(f"{file.name}.{os.getpid()}.part")
    partial.write_text(f"{port}\n")
    partial.replace(file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.demo_model", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=0, help="the port; 0 is any free one")
    parser.add_argument("--port-file", type=Path, help="where to write the port that was taken")
    parser.add_argument(
        "--pause-ms",
        type=float,
        default=WORD_SECONDS * 1000,
        help="milliseconds before each event of a stream",
    )
    return parser
