r"""Prompt templates: text with ``{{ name }}`` variables, and nothing else.

There are no expressions, loops or filters on purpose: whoever can save a prompt must not be able
to stop or bloat a replica (a sandboxed template language stops neither endless loops nor huge
strings). ``\{{`` writes a literal ``{{``; single braces and ``}}`` are just text.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from events.errors import PromptcastError
from events.limits import MAX_RENDERED_BYTES, MAX_TEMPLATE_BYTES, MAX_VARIABLES, VARIABLE_NAME

_OPEN, _CLOSE, _LITERAL = "{{", "}}", "\\"
_NAME = re.compile(VARIABLE_NAME)
_VARIABLE = re.compile(r"\{\{[ \t]*(" + VARIABLE_NAME.strip("^$") + r")[ \t]*\}\}")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ONE_BYTE_CONTROLS = bytes([*range(0x09), *range(0x0B, 0x20), 0x7F])
_TWO_BYTE_CONTROL = re.compile(b"\xc2[\x80-\x9f]")
"""U+0080 to U+009F in UTF-8, where the byte C2 is always the first of two."""


class TemplateError(PromptcastError, ValueError):
    """A template that will not parse. ``line`` and ``column`` count from 1, in characters."""

    def __init__(self, detail: str, text: str, offset: int) -> None:
        self.detail = detail
        self.line = text.count("\n", 0, offset) + 1
        self.column = offset - (text.rfind("\n", 0, offset) + 1) + 1
        super().__init__(f"line {self.line}, column {self.column}: {detail}")


class RendersTooLarge(PromptcastError, ValueError):
    """A template that makes too much of its variables, or has too many of them."""


class MissingVariables(PromptcastError):
    """A render without a value for each variable. ``names`` are those that lack one."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        super().__init__(f"the prompt needs a value for: {', '.join(names)}")


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template; ``parts`` alternates literal text (even) and variable names (odd)."""

    text: str
    parts: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Check and split ``text``; raises :class:`TemplateError` at the first thing that is wrong."""
        _check_text(text)
        return cls(text, _split(text))

    @classmethod
    def of_checked(cls, text: str) -> "Template":
        """Split ``text``, which :meth:`check` has let pass before (an event's was, when it was read)."""
        if _LITERAL in text:
            return cls(text, _split(text))
        return cls(text, tuple(_VARIABLE.split(text)))

    @staticmethod
    def check(text: str) -> None:
        """Raise what :meth:`parse` would raise, and make nothing."""
        _check_text(text)
        _check_variables(text)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names used, each once, in the order of first use."""
        return tuple(dict.fromkeys(self.parts[1::2]))

    def render(self, values: Mapping[str, str]) -> str:
        """The text with each variable replaced; values are not scanned again.

        Raises :class:`MissingVariables` naming every variable without a value.
        """
        if len(self.parts) == 1:
            return self.parts[0]
        self._check_given(values)
        return "".join(values[part] if i & 1 else part for i, part in enumerate(self.parts))

    def rendered_size(self, values: Mapping[str, str]) -> int:
        """How many bytes :meth:`render` would give, without making them; raises what it raises."""
        self._check_given(values)
        uses = Counter(self.parts[1::2])
        literal = sum(_size(part) for part in self.parts[::2])
        return literal + sum(times * _size(values[name]) for name, times in uses.items())

    def sample(self, defaults: Mapping[str, str]) -> dict[str, str]:
        """A value for each variable: its default, else one character."""
        return {name: defaults.get(name, "x") for name in self.variables}

    @classmethod
    def check_rendering(cls, text: str, defaults: Mapping[str, str]) -> None:
        """:meth:`check_rendered` for a text that was checked; most are seen to be small at a glance."""
        uses = text.count(_OPEN)
        if uses:
            longest = max(1, *map(len, defaults.values())) if defaults else 1
            most = len(text) * (1 if text.isascii() else 4) + 4 * uses * longest
            if uses > MAX_VARIABLES or most > MAX_RENDERED_BYTES:
                cls.of_checked(text).check_rendered(defaults)

    def check_rendered(self, defaults: Mapping[str, str]) -> None:
        """Measure it as it comes out with :meth:`sample`; raises :class:`RendersTooLarge`."""
        values = self.sample(defaults)
        if len(values) > MAX_VARIABLES:
            raise RendersTooLarge(
                f"{len(values)} different variables; at most {MAX_VARIABLES} are allowed"
            )
        if (size := self.rendered_size(values)) > MAX_RENDERED_BYTES:
            raise RendersTooLarge(
                f"{size} bytes with its defaults filled in; at most {MAX_RENDERED_BYTES} are allowed"
            )

    def _check_given(self, values: Mapping[str, str]) -> None:
        missing = tuple(name for name in self.variables if name not in values)
        if missing:
            raise MissingVariables(missing)


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def _check_text(text: str) -> None:
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise TemplateError("a lone surrogate is not text", text, error.start) from None
    size = len(data)
    if not 1 <= size <= MAX_TEMPLATE_BYTES:
        raise TemplateError(f"{size} bytes; allowed are 1 to {MAX_TEMPLATE_BYTES}", text, 0)
    # Looking at the bytes is several times faster than looking at the characters.
    if len(data.translate(None, _ONE_BYTE_CONTROLS)) == size and (
        text.isascii() or not _TWO_BYTE_CONTROL.search(data)
    ):
        return
    if control := _CONTROL.search(text):
        code = f"U+{ord(control[0]):04X}"
        raise TemplateError(f"control character {code}", text, control.start())


def _check_variables(text: str) -> None:
    """What :func:`_split` would raise. Goes from one ``{{`` to the next, and copies nothing."""
    at = _next_open(text, 0)
    while at >= 0:
        if at > 0 and text[at - 1] == _LITERAL:
            end = at + len(_OPEN)
        elif variable := _VARIABLE.match(text, at):
            end = variable.end()
        else:
            _split(text)  # raises, and says why
            return
        at = _next_open(text, end)


def _next_open(text: str, start: int) -> int:
    brace = text.find(_OPEN[0], start)  # one character is sought much faster than two
    return text.find(_OPEN, brace) if brace >= 0 else -1


def _split(text: str) -> tuple[str, ...]:
    first, *rest = text.split(_OPEN)
    parts: list[str] = []
    literal, before, offset = [first], first, len(first)
    for chunk in rest:
        if before.endswith(_LITERAL):
            literal[-1] = literal[-1][:-1]
            literal += [_OPEN, chunk]
            before = chunk
        else:
            name, closed, before = chunk.partition(_CLOSE)
            _check_variable(name, closed, text, offset)
            parts += ["".join(literal), name.strip(" \t")]
            literal = [before]
        offset += len(_OPEN) + len(chunk)
    return (*parts, "".join(literal))


def _check_variable(name: str, closed: str, text: str, offset: int) -> None:
    if not closed:
        raise TemplateError("'{{' is never closed; write '\\{{' for a literal one", text, offset)
    if not _NAME.fullmatch(name.strip(" \t")):
        shown = name.strip()[:40]
        raise TemplateError(f"'{shown}' is no variable name; only {{{{ name }}}} is", text, offset)
