"""A system as it looks after some weeks of use, and every place that there is to see in it."""

from tests.browser.edit import Edit

PROMPT = "support"
_OPENING = """You are the support assistant of Fairwind Bicycles.

Greet {{ customer }} by name and answer in {{ language }}.
"""
_RULES = (
    "- Be brief: three sentences are plenty.\n",
    "- Never promise a refund; offer to hand over to a person.\n",
    "- Quote the order number whenever one was given.\n",
    "- Frames are guaranteed for five years, parts for two.\n",
    "- In the season from March to May repairs take ten days.\n",
    "- When somebody is angry, say first that you are sorry.\n",
)
_NOTES = (
    "First words",
    "Refunds are decided by people",
    "Asked for by the repair shop: they search by number",
    "Guarantee, as in the new terms",
    "Season",
    "After the week with the broken derailleurs",
)
_VARIABLES = {"variables": {"customer": "there", "language": "English"}}

SIGNED_IN = {
    "prompts": "#/",
    "prompt": f"#/prompts/{PROMPT}",
    "history": f"#/prompts/{PROMPT}/history",
    "compare": f"#/prompts/{PROMPT}/compare?from=2&to=6",
    "try": f"#/prompts/{PROMPT}/try",
    "fleet": "#/fleet",
    "help": "#/help",
    "audit": "#/audit",
    "people": "#/people",
}
"""Page: place."""
SIGNED_OUT = {
    "sign-in": "#/sign-in",
    "welcome": "#/welcome?token=used-long-ago",
    "password": "#/password?token=given-by-an-admin",
}


def furnish(edit: Edit) -> None:
    """Prompts with a history, people and keys."""
    for number, note in enumerate(_NOTES):
        condition = {"If_Match": "*"} if number else {"If_None_Match": "*"}
        body = {"template": _template(number + 1), "note": note, "config": _VARIABLES}
        edit.post(f"/prompts/{PROMPT}/versions?wait=all&timeout=15", body, **condition)
    restored = {"version": 5, "note": "v6 made it grovel"}
    edit.post(f"/prompts/{PROMPT}/restore?wait=all&timeout=15", restored, If_Match="*")
    edit.create("sales", "You sell bicycles, honestly.", "You sell bicycles and helmets, honestly.")
    edit.create("triage", "Answer with one word: sales, support or spam.")
    for name, role in (("ada", "editor"), ("grace", "admin"), ("sam", "viewer")):
        edit.token_for(name, role)
    edit.post("/keys", {"name": "deploy", "role": "editor"})


def _template(rules: int) -> str:
    return f"{_OPENING}\n{''.join(_RULES[:rules])}"
