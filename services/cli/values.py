"""Words of the command line turned into values: templates, ``key=value`` pairs, prompt names."""

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from events.limits import MAX_CONFIG_BYTES, MAX_TEMPLATE_BYTES, PROMPT_NAME
from services.cli.errors import CliError

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9._:/-]*")


def prompt_name(name: str) -> str:
    """``name`` if a prompt can be called that; else a :class:`CliError`."""
    if not re.fullmatch(PROMPT_NAME, name):
        raise CliError(
            f"no prompt can be called {name!r}: "
            "1 to 64 of a-z, 0-9, '.', '_' and '-', a letter or digit first"
        )
    return name


def read_text(source: str, limit: int = MAX_TEMPLATE_BYTES) -> str:
    """The text of a file, or of standard input for ``-``, exactly as it is: UTF-8, bounded."""
    try:
        if source == "-":
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(limit + 1)
    except OSError as error:
        raise CliError(f"cannot read {source}: {error.strerror}") from error
    if len(data) > limit:
        raise CliError(f"{source} is larger than {limit >> 10} KiB")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise CliError(f"{source} is not UTF-8 (at byte {error.start + 1})") from error


def argument_text(text: str) -> str:
    """A text given as an argument, if the terminal handed it over as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CliError("that text is not UTF-8") from error
    return text


def read_config(file: str) -> dict[str, Any]:
    """A config (``{"model", "parameters", "variables"}``) from a JSON file."""
    try:
        config = json.loads(read_text(file, 2 * MAX_CONFIG_BYTES), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CliError(f"{file} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise CliError(f"{file} holds no JSON object")
    return config


def parameters(pairs: Iterable[str]) -> dict[str, Any]:
    """``temperature=0.2`` and the like: values are JSON, or a plain word for a string."""
    return {name: _json_or_word(name, value) for name, value in map(_split, pairs)}


def variables(pairs: Iterable[str]) -> dict[str, str]:
    """``bot=Ada`` and the like: values are text."""
    return dict(map(_split, pairs))


def _split(pair: str) -> tuple[str, str]:
    name, equals, value = argument_text(pair).partition("=")
    if not (name and equals):
        raise CliError(f"expected name=value, got {pair!r}")
    return name, value


def _json_or_word(name: str, value: str) -> Any:
    try:
        return json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        if _WORD.fullmatch(value) and value not in {"NaN", "Infinity"}:
            return value
        raise CliError(f"the value of {name} is not JSON: {value}") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
