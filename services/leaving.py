"""Leaving: a process whose disk does not answer ends all the same. Threads cannot be cancelled, and both
asyncio and the interpreter wait for them without an end."""

import os
import sys
import threading

import structlog

LEAVE_SECONDS = 12.0
"""For saying good-bye, and keeping what is to be kept; answers in flight had their time before."""


def in_time(status: int) -> None:
    """End this process with ``status`` after :data:`LEAVE_SECONDS`, if it has not ended by then."""
    timer = threading.Timer(LEAVE_SECONDS, _at_once, [status])
    timer.daemon = True  # a process that ends does not wait for it
    timer.start()


def _at_once(status: int) -> None:
    structlog.get_logger().error(
        "left_at_once", reason="something, such as the disk, does not answer"
    )
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)
