"""The throttle: who fails to sign in again and again waits, longer each time.

Counted twice: per account, which slows guessing at one person's password from wherever, and per
address, which slows one guesser at everybody's. The longest wait is five minutes, and what has not
failed for fifteen is forgotten. Each admin counts for itself.

Who goes on guessing at a name makes its owner wait as well, though not where the owner has signed in
before: an account is counted apart at each address that it was signed in from.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

ACCOUNT_FREE: Final = 5
"""So many failures of one account cost no wait: people mistype."""
ADDRESS_FREE: Final = 20
"""So many of one address: a whole office may be behind it."""
FIRST_SECONDS: Final = 1.0
MOST_SECONDS: Final = 300.0
FORGET_SECONDS: Final = 900.0
REMEMBERED: Final = 10_000
"""Accounts, and addresses, that are remembered; beyond that, those that failed longest ago go."""
HOMES: Final = 10_000
"""Accounts with an address that they were signed in from; the oldest are forgotten first."""
_NAME_CHARACTERS: Final = 100


class Throttle:
    """How long the next attempt to sign in has to wait. ``now`` is monotonic seconds.

    An attempt is: :meth:`seconds_to_wait`; when that is 0, :meth:`failed` *before* the password is
    looked at, and :meth:`succeeded` when it was right. So a hundred attempts at the same moment count
    as a hundred, and not as one. An attempt that had to wait is not counted.

    ``account`` is None where there is no name to guess at: a one-time link.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._accounts = _Failures(now, ACCOUNT_FREE)
        self._addresses = _Failures(now, ADDRESS_FREE)
        self._homes: OrderedDict[str, None] = OrderedDict()

    def seconds_to_wait(self, account: str | None, address: str) -> float:
        """Seconds until an attempt is let through; 0 for now."""
        waits = [self._addresses.wait(_network(address))]
        if account is not None:
            waits.append(self._accounts.wait(self._counted(account, address)))
        return max(waits)

    def failed(self, account: str | None, address: str) -> None:
        """Count a failure, or an attempt that may become one."""
        self._addresses.add(_network(address))
        if account is not None:
            self._accounts.add(self._counted(account, address))

    def succeeded(self, account: str | None, address: str) -> None:
        """Forget the account's failures, and take as many off the address.

        Not all of the address's: who has an account could guess at others' for ever by signing in
        with his own in between.
        """
        mistyped = 1
        if account is not None:
            mistyped = self._accounts.forget(self._counted(account, address))
            self._settle(_home(account, address))
        self._addresses.forgive(_network(address), mistyped)

    def _counted(self, account: str, address: str) -> str:
        """Under which name the account's failures at the address are counted."""
        home = _home(account, address)
        # no name that somebody sends can be counted as a home: each has a word of its own before it
        return f"home {home}" if home in self._homes else f"name {_name(account)}"

    def _settle(self, home: str) -> None:
        self._homes[home] = None
        self._homes.move_to_end(home)
        if len(self._homes) > HOMES:
            self._homes.popitem(last=False)


@dataclass(slots=True)
class _Count:
    failures: int
    last: float


class _Failures:
    """Counts under names, the one that failed last at the end. Never more than `REMEMBERED`."""

    def __init__(self, now: Callable[[], float], free: int) -> None:
        self._now = now
        self._free = free
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def wait(self, name: str) -> float:
        self._forget_old()
        count = self._counts.get(name)
        if count is None or count.failures <= self._free:
            return 0.0
        doubled = min(count.failures - self._free - 1, 20)  # a bound for the power, not the wait
        wait = min(FIRST_SECONDS * 2.0**doubled, MOST_SECONDS)
        return max(0.0, count.last + wait - self._now())

    def add(self, name: str) -> None:
        self._forget_old()
        count = self._counts.setdefault(name, _Count(0, 0.0))
        count.failures += 1
        count.last = self._now()
        self._counts.move_to_end(name)
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)

    def forget(self, name: str) -> int:
        """Returns how many failures there were."""
        self._forget_old()
        count = self._counts.pop(name, None)
        return 0 if count is None else count.failures

    def forgive(self, name: str, failures: int) -> None:
        count = self._counts.get(name)
        if count is None:
            return
        count.failures -= failures
        if count.failures <= 0:
            del self._counts[name]

    def _forget_old(self) -> None:
        old = self._now() - FORGET_SECONDS
        while self._counts:
            name, count = next(iter(self._counts.items()))
            if count.last > old:
                return
            del self._counts[name]


def _name(account: str) -> str:
    """Bounded: no valid name is as long, so no two accounts are counted as one."""
    return account[:_NAME_CHARACTERS]


def _home(account: str, address: str) -> str:
    return f"{_name(account)} {_network(address)}"


def _network(address: str) -> str:
    """An IPv6 address stands for its /64: one client has all of them."""
    try:
        parsed: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return _name(address)
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return parsed.packed[:8].hex()
