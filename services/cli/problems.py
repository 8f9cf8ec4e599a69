"""The edit API's refusals in one line a person can act on."""

import json
from typing import Any

from services.cli.address import Address
from services.cli.errors import CliError, Problem, RevisionMoved

_SHOWN_ERRORS = 5


def problem(status: int, body: bytes, address: Address, retry_after: str = "") -> CliError:
    """The error that an answer of 300 and above stands for."""
    document = _document(body)
    if document is None:
        return CliError(
            f"{address.url} answered {status}, but not as the edit API does: "
            "is PROMPTCAST_URL right?"
        )
    kind = RevisionMoved if status == 412 else Problem
    return kind(status, document, _message(status, document, address, retry_after))


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and "type" in document else None


def _message(status: int, document: dict[str, Any], address: Address, retry_after: str) -> str:
    if status == 401:
        remedy = "was refused" if address.key else "is not set"
        return f"{address.url} asks for a key, and PROMPTCAST_API_KEY {remedy}"
    text = str(document.get("detail") or document.get("title") or f"status {status}")
    if listed := [one_error(error) for error in _errors(document)]:
        text = "; ".join(listed[:_SHOWN_ERRORS])
        if len(listed) > _SHOWN_ERRORS:
            text += f"; and {len(listed) - _SHOWN_ERRORS} more"
    return f"{text} (try again in {retry_after} s)" if retry_after else text


def _errors(document: dict[str, Any]) -> list[dict[str, Any]]:
    errors = document.get("errors")
    return [error for error in errors if isinstance(error, dict)] if errors else []


def one_error(error: dict[str, Any]) -> str:
    """One entry of an ``invalid`` problem: where, and what is wrong."""
    where = str(error.get("pointer", "")).strip("#/").replace("/", ".")
    if error.get("line"):
        where = f"{where} line {error['line']}, column {error.get('column', 1)}".strip()
    detail = str(error.get("detail", ""))
    return f"{where}: {detail}" if where else detail
