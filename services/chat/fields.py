"""Fields of a client's body that both chat endpoints know, each checked before it is believed."""

from typing import Any, Final

from services.chat.errors import invalid

MAX_VARIABLES: Final = 256
MAX_LABEL_CHARACTERS: Final = 1_024


def boolean(body: dict[str, Any], name: str) -> bool:
    """``body[name]`` when it is a boolean; false when it is absent or null; else 400."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"'{name}' must be true or false", name)
    return bool(value)


def label(body: dict[str, Any], name: str) -> str | None:
    """``body[name]`` when it is a short string; None when it is absent, null or empty; else 400."""
    value = body.get(name)
    if value is not None and not (isinstance(value, str) and len(value) <= MAX_LABEL_CHARACTERS):
        raise invalid(f"'{name}' must be a string of {MAX_LABEL_CHARACTERS} characters", name)
    return value or None


def variables(body: dict[str, Any]) -> dict[str, str]:
    """``body["variables"]`` when it maps names to strings; empty when it is absent; else 400."""
    value = body.get("variables")
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_VARIABLES:
        raise invalid(f"'variables' must be an object of at most {MAX_VARIABLES}", "variables")
    for name, content in value.items():
        if not isinstance(content, str):
            raise invalid("each variable must be a string", f"variables.{name[:64]}")
    return value
