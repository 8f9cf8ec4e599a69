"""Room: how many files the processes of a fan-out hold open, and whether they may."""

import resource

CONNECTIONS = 3
"""A replica's, for good: its group's feed, its looks at the log, its membership. A test counts them."""
OTHERS = 256
"""Every other file of a process: an admin's connections, 32 that a server sets aside, and one more
of each replica that is just joining, which looks for a snapshot."""


class TooFewFiles(Exception):
    """This shell lets a process open fewer files than it needs. One line, with the remedy."""


def needed(members: int) -> int:
    """Files that the server opens; no other process of the bench opens more."""
    return members * CONNECTIONS + OTHERS


def make_room(members: int) -> int:
    """Let this process and its children open as many files as are needed; how many those are.

    Raises ``TooFewFiles`` where the hard limit is lower.
    """
    files = needed(members)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < files:
        if hard != resource.RLIM_INFINITY and hard < files:
            raise TooFewFiles(told(members, files, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return files


def told(members: int, files: int, limit: int) -> str:
    """What to do about it."""
    return (
        f"{members:,} replicas hold {CONNECTIONS} connections each, so the server opens {files:,} files, "
        f"and a process may open {limit:,} here: raise it (ulimit -Hn {files}, as root), "
        "or measure fewer (--counts 1,10,100)"
    )
