"""Programs of the development environment that look at files."""

import subprocess
import sys
from pathlib import Path


def content(*words: str) -> None:
    """Run one of them; fails with what it complains of."""
    program = Path(sys.executable).with_name(words[0])
    assert program.exists(), f"{program} is missing: run make test, which installs it"
    done = subprocess.run(
        [program, *words[1:]], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
