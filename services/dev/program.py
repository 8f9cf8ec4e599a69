"""What a child runs, and how one sees that it is well."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services.dev.probe import Probe


@dataclass(frozen=True, slots=True)
class Program:
    """One process of the system. Started again, it has the same name, URL and ports.

    ``alive`` fails when it hangs, ``ready`` until it can do its work; ``grace`` is how many seconds
    it may take to end when asked to. ``log`` is the file that keeps what it says.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    alive: Probe
    ready: Probe
    grace: float
    log: Path
    pass_fds: tuple[int, ...] = ()
    is_last: bool = False
    """The others need it until they have ended."""
    is_quiet: bool = False
    """Nothing that it says is shown on the terminal."""
