"""What is promised, and from where on somebody is told: the numbers of the alerts, to draw them as lines.

They are those of `deploy/prometheus/rules` (a test compares): change both.
"""

from typing import Final

PROPAGATION_SECONDS: Final = 0.25
"""Of a hundred saves, 99 are in force at every member within this."""

FAILED_SHARE: Final = 0.001
"""Of the chat requests, so many may fail by our own fault, in thirty days."""

MODEL_SHARE: Final = 0.05
"""So many may be failed by the model before somebody is told."""

BURN_FAST: Final = 14.4
"""So many times too fast, for an hour, the budget of failures may burn before somebody is woken."""
BURN_SLOW: Final = 6
"""The same for six hours."""

ANSWER_SECONDS: Final = 30
"""Of a hundred answers, 95 are whole within this."""

MEMORY_TICKET: Final = 0.75
MEMORY_PAGE: Final = 0.9
"""Of the memory that the server may take, so much is taken when somebody is told, and is woken."""
