"""Upcasters: events of older schema versions, lifted to the present one when they are read.

Stored events never change. When a schema changes, its type gets a new ``.vN`` and a function here that
turns the envelope of ``.v(N-1)``, as a plain dictionary, into one of ``.vN``; they are chained.
"""

from collections.abc import Callable, Mapping
from typing import Any

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: Mapping[str, Upcaster] = {}
"""By the type that they lift. Empty: every schema is in its first version."""


def upcast(
    envelope: dict[str, Any], upcasters: Mapping[str, Upcaster] = UPCASTERS
) -> dict[str, Any]:
    """``envelope`` in the present schema; unchanged when its type is not an old one.

    A chain ends after as many steps as there are upcasters, so a mistaken cycle cannot hang a reader.
    """
    for _ in upcasters:
        lift = upcasters.get(str(envelope.get("type")))
        if lift is None:
            break
        envelope = lift(envelope)
    return envelope
