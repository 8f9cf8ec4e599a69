"""The system message: the live prompt, rendered with its own defaults and the request's values."""

from typing import Final

from events.template import MissingVariables
from projections.live import LivePrompt
from services.chat.errors import ChatError, invalid

MAX_RENDERED_CHARACTERS: Final = 1024 * 1024
"""A template may use one long value many times; what comes of it has a limit of its own."""


def system_message(live: LivePrompt, variables: dict[str, str]) -> dict[str, str]:
    """The message that goes first.

    Raises 400 ``missing_variables``, naming each, when the template needs more than it is given.
    """
    template = live.template
    if len(template.parts) == 1:
        return {"role": "system", "content": template.parts[0]}
    values = {**live.config.variables, **variables}
    if sum(len(values.get(name, "")) for name in template.parts[1::2]) > MAX_RENDERED_CHARACTERS:
        raise invalid("the variables make the prompt too long", "variables")
    try:
        return {"role": "system", "content": template.render(values)}
    except MissingVariables as error:
        raise ChatError("missing_variables", str(error), param="variables") from None
