"""What a number means: the colour from where on it is bad, and the word that stands for it."""

from collections.abc import Mapping
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from services.metrics import REPLICA_STATES

GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
BLUE, PURPLE, GREY = "blue", "purple", "text"

STATE_COLOURS: Final[Mapping[str, str]] = {
    "starting": BLUE,
    "catching_up": YELLOW,
    "current": GREEN,
    "stale": ORANGE,
    "diverged": PURPLE,
    "lagging": YELLOW,
    "gone": RED,
}
"""The same colour for the same state on every panel."""


def steps(base: str, *at: tuple[float, str]) -> dashboard.ThresholdsConfig:
    """``base`` is the colour from the bottom; each of ``at`` says from where on it is another."""
    found = [models.Threshold(color=base), *(models.Threshold(value, color) for value, color in at)]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(found)


def words(values: Mapping[int, tuple[str, str]]) -> list[models.ValueMapping]:
    """What to show instead of a number: its word and its colour."""
    found = {
        str(value): models.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, (text, color)) in enumerate(values.items())
    }
    return [models.ValueMap(options=found)]


def state_words() -> list[models.ValueMapping]:
    """A replica's state by its number, as `number_of_state` has them; 0 is no answer."""
    return words(
        {0: ("no answer", RED)}
        | {number: (state, STATE_COLOURS[state]) for number, state in enumerate(REPLICA_STATES, 1)}
    )


def number_of_state(where: str) -> str:
    """PromQL for each replica's state as one number: a place among `REPLICA_STATES`, from 1 on.

    A replica that is not scraped, because it hangs or is gone, is 0.
    """
    parts = (
        f'{number} * max by (replica) (promptcast_replica_state{{{where},state="{state}"}})'
        for number, state in enumerate(REPLICA_STATES, 1)
    )
    return f"({' + '.join(parts)}) or 0 * max by (replica) (up{{{where}}})"
