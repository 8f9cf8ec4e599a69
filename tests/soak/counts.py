"""The big counts, and how to lower them for a trial: ``SOAK_SHARE=0.02 make soak``."""

import os

SHARE = float(os.environ.get("SOAK_SHARE", "1"))


def share_of(full: int) -> int:
    """``full``, or as much of it as the trial asks for; a multiple of four."""
    return max(4, round(full * SHARE / 4) * 4)
