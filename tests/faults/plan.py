"""Plans: which processes a scenario needs, and how many clients bother them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """The processes of a rig. ``settings`` are the services', without their prefix; rigs of equal
    plans are one and the same, as long as nothing was wrong with it."""

    admins: int = 1
    replicas: int = 2
    settings: tuple[tuple[str, str], ...] = ()
    server: tuple[str, ...] = ()
    """More options of the server, which is durable (``appendfsync always``) unless they say else."""
    tcp: bool = False
    """Whether the links are TCP: what is cut is then reset as on a network."""
    sentinel: bool = False
    """Whether the server stands under Sentinel; the services then reach it past their links."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """The clients that make the load of a run."""

    savers: int = 2
    restorers: int = 1
    keys: int = 1
    """Who adds API keys: the load of the access log."""
    users: int = 2
    """Who chat, at each replica."""
    pause: float = 0.02
    """Seconds between two changes of one client."""
