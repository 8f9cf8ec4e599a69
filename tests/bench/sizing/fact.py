"""A fact: one number that sizing is done with."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fact:
    """``of`` is a heading, ``what`` is one line below it."""

    of: str
    what: str
    value: float
    unit: str


@dataclass(slots=True)
class Sizing:
    """All of them, and the server's program and version."""

    server: str = ""
    facts: list[Fact] = field(default_factory=list)

    def markdown(self) -> str:
        """As a table."""
        lines = [
            f"| {each.of} | {each.what} | {shown(each.value)} {each.unit} |" for each in self.facts
        ]
        return "\n".join(["| of | what | measured |", "|---|---|---:|", *lines])


def shown(value: float) -> str:
    """A number, with as many digits as one believes."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
