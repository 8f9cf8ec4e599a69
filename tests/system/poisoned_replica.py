"""A replica with a weakness: some templates break it. ``python -m tests.system.poisoned_replica``."""

import os
import signal
import threading
import time

from events.chain import Recorded
from events.model import PromptRestored, PromptSaved
from projections import live
from projections.live import LivePrompt
from services.chat.main import run
from services.settings import load_settings

KILLS, HANGS, RAISES = "You kill.", "You hang.", "You raise."

_compiled = live._compiled


def poisoned(recorded: Recorded, event: PromptSaved | PromptRestored) -> LivePrompt:
    """What makes a live prompt of an event, and breaks at three templates."""
    if event.template == KILLS:
        os.kill(os.getpid(), signal.SIGKILL)
        threading.Event().wait()
    if event.template == HANGS:
        while True:
            time.sleep(0.01)
    if event.template == RAISES:
        raise ZeroDivisionError
    return _compiled(recorded, event)


if __name__ == "__main__":
    live._compiled = poisoned
    run(load_settings(os.environ, service="chat"))
