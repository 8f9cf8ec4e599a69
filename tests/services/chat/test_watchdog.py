"""What hangs on the main thread becomes an exception; what was only stopped does not."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from services.chat.watchdog import TICKS, LoaderHung, Watchdog

ROOT = Path(__file__).parents[3]


@pytest.fixture
def watchdog():
    made = Watchdog(seconds=0.2)
    give_back = made.install()
    yield made
    give_back()


def spin(seconds=20.0):
    """Keep the processor busy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@pytest.mark.parametrize(
    "hang", [spin, lambda: threading.Lock().acquire() and threading.Event().wait(20)]
)
def test_what_takes_too_long_is_ended(watchdog, hang):
    began = time.monotonic()
    watchdog.begin()
    with pytest.raises(LoaderHung, match=r"not loaded within 0\.2 s"):
        hang()
    watchdog.end()
    assert time.monotonic() - began < 10


def test_who_swallows_the_exception_meets_it_again(watchdog):
    def swallow():
        with contextlib.suppress(LoaderHung):
            spin()
        spin()

    watchdog.begin()
    with pytest.raises(LoaderHung):
        swallow()
    watchdog.end()


def test_loads_in_a_row_are_each_measured_by_themselves(watchdog):
    began = time.monotonic()
    while time.monotonic() - began < 0.6:
        watchdog.begin()
        watchdog.end()
    assert not watchdog._watching


def test_the_timer_stops_when_nobody_is_watched(watchdog):
    watchdog.begin()
    watchdog.end()
    while signal.getitimer(signal.ITIMER_REAL) != (0.0, 0.0):
        pass
    watchdog.begin()
    assert signal.getitimer(signal.ITIMER_REAL)[1] > 0
    watchdog.end()


STOPS = """
import os, signal
from services.chat.watchdog import Watchdog
watchdog = Watchdog(seconds=0.4)
give_back = watchdog.install()
watchdog.begin()
os.kill(os.getpid(), signal.SIGSTOP)
heard = watchdog._heard
give_back()
print(heard)
"""


def test_a_process_that_was_stopped_for_long_has_heard_one_tick():
    child = subprocess.Popen([sys.executable, "-c", STOPS], cwd=ROOT, stdout=subprocess.PIPE)
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    spin(1.0)  # longer than anything may be loaded
    child.send_signal(signal.SIGCONT)
    said, _ = child.communicate(timeout=20)
    assert (child.returncode, int(said) < TICKS / 2) == (0, True)


def test_on_another_thread_nothing_is_watched(watchdog):
    def load():
        watchdog.begin()
        watched.append(watchdog._watching)
        watchdog.end()

    watched: list[bool] = []
    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert watched == [False]


def test_what_was_taken_is_given_back():
    before = signal.getsignal(signal.SIGALRM)
    give_back = Watchdog().install()
    assert signal.getsignal(signal.SIGALRM) != before
    give_back()
    assert signal.getsignal(signal.SIGALRM) == before
    unwatched = Watchdog()
    unwatched.begin()
    assert not unwatched._watching
