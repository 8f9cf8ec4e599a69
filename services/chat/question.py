"""What a client asks, made into what the model is asked. Pure: bodies in, bodies out.

The model and its parameters are merged key by key: what the version's config sets stands, then the
``MODEL`` setting, then the request. So whoever edits a prompt decides how it is run, and a client
decides only what nobody decided for it.
"""

from dataclasses import dataclass
from typing import Any, Final

from projections.live import LivePrompt
from services.chat.errors import ChatError, invalid
from services.chat.fields import boolean, label, variables
from services.chat.system_message import system_message

MAX_MESSAGES: Final = 2_048
"""As many as OpenAI takes."""

FALLBACK_MODEL: Final = "gpt-5-mini"
"""Asked for when nobody names a model, as a bare ``POST /chat`` does not. Servers of one model
take any name."""

_TAKEN_OUT = ("variables", "conversation_id")
_SYSTEM_ROLES: Final = frozenset({"system", "developer"})
_ROLES: Final = frozenset({"user", "assistant", "tool", "function"}) | _SYSTEM_ROLES
_UNDOING: Final = frozenset(
    {
        *("chat_template", "chat_template_args", "chat_template_kwargs", "documents"),
        *("add_generation_prompt", "continue_final_message", "prompt", "prompt_template"),
        *("instructions", "system", "models", "fallbacks", "route", "provider", "plugins"),
        *("transforms", "api_base", "api_key", "base_url", "custom_llm_provider"),
        *("extra_body", "extra_headers", "extra_query"),
    }
)
"""Fields by which one model server or gateway or another would leave our system message out, put
another one beside it, or ask elsewhere. A version's config may set them; a client may not."""
_SAME_THING: Final = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
"""Two names of one parameter: models refuse a body that has both."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question to the model.

    ``body`` is what goes upstream; ``stream`` is how it is to be answered; ``wants_usage`` whether
    the client itself asked for the usage chunk of a stream. ``conversation_id`` and ``user`` are
    the client's labels (``user`` is ``safety_identifier``, else ``user``).
    """

    body: dict[str, Any]
    stream: bool
    wants_usage: bool
    conversation_id: str | None
    user: str | None


def completion_question(
    body: dict[str, Any], live: LivePrompt, *, model: str | None, allow_client_system: bool
) -> Question:
    """The question in a body of ``POST /v1/chat/completions``; ``body`` is used up.

    Raises :class:`ChatError` (400) naming the first field that is wrong. Fields that this service
    does not know go upstream as they are, but for those that could undo the live prompt.
    """
    if not allow_client_system and (undoing := sorted(_UNDOING & body.keys())):
        raise invalid(
            f"'{undoing[0]}' is not a client's to set: it could undo the prompt", undoing[0]
        )
    messages = _messages(body.get("messages"), allow_client_system=allow_client_system)
    stream, options = boolean(body, "stream"), body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise invalid("'stream_options' must be an object", "stream_options")
    if options is not None and not stream:
        raise invalid("'stream_options' goes with 'stream': true only", "stream_options")
    user = label(body, "safety_identifier") or label(body, "user")
    conversation_id, values = label(body, "conversation_id"), variables(body)
    for name in _TAKEN_OUT:
        body.pop(name, None)
    body["messages"] = [system_message(live, values), *messages]
    _set_model(body, live, model)
    if stream:
        body["stream_options"] = {**(options or {}), "include_usage": True}
    wants_usage = bool(options and options.get("include_usage") is True)
    return Question(body, stream, wants_usage, conversation_id, user)


def simple_question(body: dict[str, Any], live: LivePrompt, *, model: str | None) -> Question:
    """The question in a body of ``POST /chat``; raises :class:`ChatError` (400) as above."""
    if unknown := sorted(body.keys() - _SIMPLE_FIELDS):
        raise invalid(f"unknown field '{unknown[0][:64]}'", unknown[0][:64])
    message = body.get("message")
    if not isinstance(message, str) or not message.strip():
        raise invalid("'message' must be a string with something in it", "message")
    stream = boolean(body, "stream")
    messages = [system_message(live, variables(body)), {"role": "user", "content": message}]
    asked: dict[str, Any] = {"messages": messages}
    _set_model(asked, live, model)
    if stream:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    return Question(asked, stream, True, label(body, "conversation_id"), label(body, "user_id"))


_SIMPLE_FIELDS: Final = frozenset({"message", "conversation_id", "user_id", "variables", "stream"})


def _messages(messages: object, *, allow_client_system: bool) -> list[dict[str, Any]]:
    if not isinstance(messages, list) or not messages:
        raise invalid("'messages' must be a list with at least one message", "messages")
    if len(messages) > MAX_MESSAGES:
        raise invalid(f"'messages' may have {MAX_MESSAGES} messages", "messages")
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in _ROLES:
            known = ", ".join(sorted(_ROLES))
            raise invalid(f"a message is an object whose 'role' is one of {known}", _at(index))
        if role in _SYSTEM_ROLES and not allow_client_system:
            raise ChatError(
                "system_message_refused",
                f"the '{role}' message is this service's own; it comes from the live prompt",
                param=f"{_at(index)}.role",
            )
    return messages


def _at(index: int) -> str:
    return f"messages[{index}]"


def _set_model(body: dict[str, Any], live: LivePrompt, model: str | None) -> None:
    config = live.config
    for name in config.parameters:
        if (other := _SAME_THING.get(name)) is not None and other not in config.parameters:
            body.pop(other, None)
    body.update((name, value) for name, value in config.parameters.items() if name not in _OURS)
    body["model"] = config.model or model or label(body, "model") or FALLBACK_MODEL


_OURS: Final = frozenset({"messages", "model", "stream", "stream_options"})
"""Never taken from a config, whatever the log may hold: its validation refuses them already."""
