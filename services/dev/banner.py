"""What is printed once all is ready: what to open, and two lines to try."""

import shlex
from pathlib import Path

from services.dev.ready import Addresses

_SAVE = """\
  curl -s -X POST '{admin}/api/v1/prompts/system/versions?wait=all' \\
    -H "Authorization: Bearer $(cat {key})" -H 'If-Match: *' -H 'Content-Type: application/json' \\
    -d '{{"template": "You are a pirate. Answer in one sentence."}}'"""
_CHAT = """\
  curl -s {chat}/chat -H 'Content-Type: application/json'{chat_key} -d '{{"message": "Hello!"}}'"""
_CHAT_KEY = ' -H "Authorization: Bearer $PROMPTCAST_CHAT_KEY"'


def banner(
    told: Addresses,
    data: Path,
    *,
    model: str,
    seconds: float,
    chat_key: bool,
    welcome: str | None = None,
) -> list[str]:
    """The lines; ``seconds`` is how long the start took, ``welcome`` a one-time sign-in link."""
    directory = _shown(data)
    key = shlex.quote(f"{directory}/admin-key")
    names = ", ".join(replica.id for replica in told.replicas)
    return [
        "",
        f"Promptcast is up after {seconds:.1f} s. Ctrl-C stops it; {directory}/ keeps its history.",
        "",
        f"  panel     {_panel(told, welcome)}",
        f"  chat      {told.chat}  (replicas: {names})",
        f"  edit API  {told.admin}  (key: {directory}/admin-key)",
        f"  model     {model}",
        f"  logs      {directory}/logs/",
        "",
        "Ask, save another prompt, and ask again:",
        "",
        _CHAT.format(chat=told.chat, chat_key=_CHAT_KEY if chat_key else ""),
        "",
        _SAVE.format(admin=told.admin, key=key),
        "",
    ]


def _panel(told: Addresses, welcome: str | None) -> str:
    if welcome is None:
        return told.admin
    return f"{welcome}  (signs you in once, within the hour)"


def _shown(data: Path) -> str:
    """The directory as short as it can be said from here."""
    try:
        return str(data.relative_to(Path.cwd()))
    except ValueError:
        return str(data)
