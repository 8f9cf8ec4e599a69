"""Parameters: each declared once, for reading it from a request and for the OpenAPI document."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from aiohttp import web

from events.limits import PROMPT_NAME
from projections.refusals import NotFound
from services.admin.problems import refused

T = TypeVar("T")
D = TypeVar("D")
_INTEGER = re.compile(r"-?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_NAME = re.compile(PROMPT_NAME)
PAGE, MOST = 50, 200
"""Items of a list: how many when nobody says, and at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Param(Generic[T]):
    """A parameter in the path, the query or a header.

    ``parse`` raises ``ValueError`` saying what it must be. Without a value, ``default`` is what is
    read, unless it is ``required``.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    parse: Callable[[str], T]
    place: Literal["path", "query", "header"] = "query"
    required: bool = False
    default: T | None = None

    def of(self, request: web.Request) -> T:
        """Its value in ``request``; raises ``Invalid``, or ``NotFound`` for a part of the path."""
        if self.place == "path":
            return self._in_path(request.match_info[self.name])
        sent = request.query if self.place == "query" else request.headers
        values = sent.getall(self.name, [])
        if len(values) > 1:
            raise refused(f"{self.name}: given more than once")
        if not values:
            if self.required:
                raise refused(f"{self.name}: missing")
            return self.default  # type: ignore[return-value]  # T covers it where not required
        try:
            return self.parse(values[0])
        except ValueError as error:
            raise refused(f"{self.name}: {error}") from None

    def _in_path(self, value: str) -> T:
        try:
            return self.parse(value)
        except ValueError as error:
            raise NotFound(f"{self.name}: {error}") from None


def check_query(params: Iterable[Param[Any]], request: web.Request) -> None:
    """Refuse query parameters that nobody reads: a misspelt one should not pass unnoticed."""
    known = {param.name for param in params if param.place == "query"}
    if unknown := sorted(set(request.query) - known):
        allowed = f"there are {', '.join(sorted(known))}" if known else "there are none here"
        raise refused(f"{unknown[0][:40]}: no such parameter; {allowed}")


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """A parser of whole numbers in ASCII digits."""

    def parse(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not lowest <= int(text) <= highest:
            raise ValueError(f"must be a number from {lowest} to {highest}")
        return int(text)

    return parse


def integer(
    name: str, description: str, *, lowest: int, highest: int, default: D
) -> Param[int | D]:
    """A whole number in the query."""
    schema: dict[str, Any] = {"type": "integer", "minimum": lowest, "maximum": highest}
    if default is not None:
        schema["default"] = default
    return Param(
        name=name,
        description=description,
        schema=schema,
        parse=whole(lowest, highest),
        default=default,
    )


def counted(name: str, description: str, *, highest: int) -> Param[int]:
    """A whole number from 1 in the path."""
    return Param(
        name=name,
        place="path",
        description=description,
        schema={"type": "integer", "minimum": 1, "maximum": highest},
        parse=whole(1, highest),
        required=True,
    )


def number(name: str, description: str, *, highest: float, default: float) -> Param[float]:
    """A number from 0 in the query."""

    def parse(text: str) -> float:
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        if not 0 <= value <= highest:
            raise ValueError(f"must be a number from 0 to {highest:g}")
        return value

    schema = {"type": "number", "minimum": 0, "maximum": highest, "default": default}
    return Param(name=name, description=description, schema=schema, parse=parse, default=default)


def one_of(*allowed: str) -> Callable[[str], str]:
    """A parser that takes nothing but these."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be {' or '.join(allowed)}" if len(allowed) < 5 else "unknown")
        return text

    return parse


def pattern(expression: str, otherwise: str) -> Callable[[str], str]:
    """A parser that takes what matches as a whole, and says ``otherwise``."""
    compiled = re.compile(expression)

    def parse(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(otherwise)
        return text

    return parse


def prompt_name(text: str) -> str:
    """The name of a prompt; raises ``ValueError`` when it is none."""
    if not _NAME.fullmatch(text):
        raise ValueError(
            "a prompt's name is 1 to 64 of a-z, 0-9, '.', '_' and '-', a letter or digit first"
        )
    return text


def name_to_save(request: web.Request) -> str:
    """The prompt's name in the path of a call that may create it: there, a name that cannot be is
    no missing prompt, but a mistake. Raises ``Invalid``."""
    try:
        return prompt_name(request.match_info["name"])
    except ValueError as error:
        raise refused(f"name: {error}") from None


NAME: Param[str] = Param(
    name="name",
    place="path",
    description="The prompt's name.",
    schema={"type": "string", "pattern": PROMPT_NAME, "examples": ["system"]},
    parse=prompt_name,
    required=True,
)
LIMIT = integer("limit", "How many items at most.", lowest=1, highest=MOST, default=PAGE)
