"""Whether a process runs: for the tests that end processes and look whether they are gone."""

import os
from pathlib import Path


def runs(pid: int | None) -> bool:
    """Whether a process of this id runs; one that nobody has waited for yet (a zombie) does not.

    A process may end between any two steps of this, which is why each step's "not there" is an answer.
    """
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # elsewhere than on Linux, or gone this very moment
        return not Path("/proc/self").exists()
