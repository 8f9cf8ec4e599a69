"""Every limit on what an event may hold, in one place. Sizes are bytes of UTF-8 unless said otherwise."""

PROMPT_NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
PERSON_NAME = r"^[a-z0-9][a-z0-9._@+-]{0,63}$"
KEY_ID = r"^[0-9a-f]{12}$"
KEY_NAME = PROMPT_NAME
VARIABLE_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,63}$"
MAX_PROMPTS = 1_000
MAX_PEOPLE = 1_000
MAX_KEYS = 1_000
MAX_TEMPLATE_BYTES = 256 * 1024
MAX_VARIABLES = 256
"""Different ones in a template; each may be used many times."""
MAX_RENDERED_BYTES = 1024 * 1024
"""Of a template with its variables filled in: 40,000 times ``{{a}}``, which is 32 KB, is a gigabyte."""
MAX_CONFIG_BYTES = 32 * 1024
"""Of the config as canonical JSON: parameters are settings, not a second template."""
MAX_CONFIG_DEPTH = 64
"""Lists and objects within each other. Readers of JSON give up at some depth (pydantic's at 200), and
what was saved must be readable."""
MAX_NOTE_CHARACTERS = 1_000
MAX_ACTOR_CHARACTERS = 200
MAX_REQUEST_KEY_CHARACTERS = 255
MAX_EVENT_BYTES = 1024 * 1024
"""An entry above this is poison: JSON escapes at most double a template, and the rest is small."""
MAX_READ_BYTES = 4 * 1024 * 1024
"""What one reply of the log may carry, unless a single entry is larger."""
