"""How much is measured: everything, or only enough to see that the bench itself works."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Counts and times of every row. A round measures both sides once, in turn."""

    rounds: int = 7
    swaps: int = 300
    """Appends a round that one replica follows."""
    saves: int = 100
    large_saves: int = 50
    followers: int = 100
    fleet_events: int = 20
    events: int = 100_000
    """In the log that a replica starts from."""
    behind: int = 1_000
    """How many of them a snapshot lags: as many as it ever may."""
    starts: int = 7
    replays: int = 5
    chat_seconds: float = 1.0
    reloads: int = 10_000
    reload_rounds: int = 3


FULL = Scale()
SMOKE = Scale(
    rounds=2,
    swaps=20,
    saves=5,
    large_saves=2,
    followers=5,
    fleet_events=3,
    events=2_000,
    behind=500,
    starts=1,
    replays=2,
    chat_seconds=0.2,
    reloads=200,
    reload_rounds=1,
)
