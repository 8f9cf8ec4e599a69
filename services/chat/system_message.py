"""The system message: the live prompt, rendered with its own defaults and the request's values."""

from events.limits import MAX_RENDERED_BYTES
from events.template import MissingVariables
from projections.live import LivePrompt
from services.chat.errors import ChatError


def system_message(live: LivePrompt, variables: dict[str, str]) -> dict[str, str]:
    """The message that goes first; measured before it is made.

    Raises 400 ``missing_variables``, naming each, when the template needs more than it is given, and
    ``variables_too_large`` when it would make too much of that.
    """
    template = live.template
    if len(template.parts) == 1:
        return {"role": "system", "content": template.parts[0]}
    values = {**live.config.variables, **variables}
    try:
        size = template.rendered_size(values)
    except MissingVariables as error:
        raise ChatError("missing_variables", str(error), param="variables") from None
    if size > MAX_RENDERED_BYTES:
        raise ChatError(
            "variables_too_large",
            f"with these variables the prompt has {size} bytes; at most {MAX_RENDERED_BYTES} are allowed",
            param="variables",
        )
    return {"role": "system", "content": template.render(values)}
