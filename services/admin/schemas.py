"""What requests hold. Only the shape is checked here: whether content is valid is decided with the
event that it would become, so that a replica and the edit API can never disagree. The JSON schemas
say all of it nevertheless, for those who read the OpenAPI document."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from events.limits import (
    MAX_CONFIG_BYTES,
    MAX_NOTE_CHARACTERS,
    MAX_TEMPLATE_BYTES,
    VARIABLE_NAME,
)
from events.model import OWNED_PARAMETERS
from services.chat.fields import MAX_VARIABLES

MAX_MESSAGE_BYTES = 32 * 1024
"""Of a question that a prompt is tried with."""

_VARIABLE = VARIABLE_NAME.removeprefix("^").removesuffix("$")
_CONTROL = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"
TEMPLATE_PATTERN = (
    r"^(\\\{\{"  # a literal {{
    rf"|\{{\{{[ \t]*{_VARIABLE}[ \t]*\}}\}}"  # a variable
    rf"|(?!\\?\{{\{{)[^{_CONTROL}])*$"  # any other character
)
"""The grammar of templates as one regular expression (ECMA 262) without ambiguity."""

_TEMPLATE = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_TEMPLATE_BYTES,
    "pattern": TEMPLATE_PATTERN,
    "description": (
        f"The prompt: at most {MAX_TEMPLATE_BYTES} bytes of UTF-8 without control characters other"
        " than newline and tab. `{{ name }}` is a variable, `\\{{` a literal `{{`."
    ),
    "examples": ["You are {{ bot }}, a friendly assistant."],
}
_CONFIG = {
    "type": "object",
    "additionalProperties": False,
    "description": f"How the model is asked; at most {MAX_CONFIG_BYTES} bytes of JSON.",
    "properties": {
        "model": {
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": 200,
            "description": "The model's name.",
        },
        "parameters": {
            "type": "object",
            "propertyNames": {"not": {"enum": sorted(OWNED_PARAMETERS)}},
            "description": "Go to the model unchanged, but for what the service sets itself.",
            "examples": [{"temperature": 0.2}],
        },
        "variables": {
            "type": "object",
            "propertyNames": {"pattern": VARIABLE_NAME},
            "additionalProperties": {"type": "string"},
            "description": "Defaults for the template's variables.",
            "examples": [{"bot": "Ada"}],
        },
    },
}
_NOTE = {
    "type": "string",
    "maxLength": MAX_NOTE_CHARACTERS,
    "description": "Why, for the history.",
}

_MESSAGE = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_MESSAGE_BYTES,
    "pattern": r"\S",
    "description": f"The question, as a user would ask it: at most {MAX_MESSAGE_BYTES} bytes.",
    "examples": ["What can you do for me?"],
}

_Note = Annotated[str, WithJsonSchema(_NOTE)]
_Template = Annotated[str, WithJsonSchema(_TEMPLATE)]
_Config = Annotated[dict[str, Any], WithJsonSchema(_CONFIG)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SaveRequest(_Request):
    """New content, to be the live version."""

    template: _Template
    config: _Config = {}
    note: _Note = ""


def whole(number: object) -> object:
    """JSON has one kind of number: 7.0 is the integer 7."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


class RestoreRequest(_Request):
    """An older version, to be live again."""

    version: Annotated[
        int, Field(ge=1, le=2**31 - 1, description="Its number."), BeforeValidator(whole)
    ]
    note: _Note = ""


def _asks(message: str) -> str:
    if not message.strip():
        raise ValueError("must ask something")
    if (size := len(message.encode(errors="replace"))) > MAX_MESSAGE_BYTES:
        raise ValueError(f"{size} bytes; at most {MAX_MESSAGE_BYTES} are allowed")
    return message


class DraftRequest(_Request):
    """Content that is not saved."""

    template: _Template
    config: _Config = {}


class TryRequest(_Request):
    """A question, and whom to ask."""

    message: Annotated[str, AfterValidator(_asks), WithJsonSchema(_MESSAGE)]
    draft: DraftRequest | None = None
    replica: Annotated[str, Field(min_length=1, max_length=200, description="Its id.")] | None = (
        None
    )
    variables: Annotated[
        dict[str, str],
        Field(max_length=MAX_VARIABLES, description="Values for the template's variables."),
    ] = {}
    all: Annotated[bool, Field(description="Ask every replica.")] = False
