"""Every type of problem: its status, what it means, and what to do about it.

The names are the last part of an answer's ``type``; they are part of the API, and each has a page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ProblemType:
    """What is the same for all problems of one type. ``retry_after`` is seconds."""

    status: int
    title: str
    meaning: str
    remedy: str
    retry_after: int | None = None


PROBLEM_TYPES: Final[Mapping[str, ProblemType]] = {
    "unauthorized": ProblemType(
        401,
        "Sign in first",
        "The request carries no key or session, or one that is not known here (any more); or name"
        " and password do not belong together.",
        "Sign in at the panel, or send 'Authorization: Bearer <key>' with an API key, or the key"
        " that PROMPTCAST_ADMIN_KEY holds. 'promptcast admin --bootstrap' makes a link to sign in by.",
    ),
    "forbidden": ProblemType(
        403,
        "Not allowed",
        "Who asks is known, but may not do this; or a change was asked for with a session, but not"
        " by the panel's own page.",
        "Ask somebody who may, or for another role; 'detail' says which is needed. With a session,"
        " send its 'csrf' as 'X-CSRF-Token', and an 'Origin' that is this host.",
    ),
    "not-found": ProblemType(
        404,
        "Not found",
        "There is no such prompt, version, position or page. An archived prompt has no live"
        " version either; its versions are still there.",
        "Look the name up with GET /api/v1/prompts, the number with"
        " GET /api/v1/prompts/<name>/versions. A save brings an archived prompt back.",
    ),
    "method-not-allowed": ProblemType(
        405,
        "Method not allowed",
        "The path is right, but not with this method.",
        "The header 'Allow' lists the methods; GET /api/v1/openapi.json lists all calls.",
    ),
    "request-timeout": ProblemType(
        408,
        "The request did not arrive in time",
        "The body was not complete within ten seconds. Nothing was changed.",
        "Send it again.",
    ),
    "revision-moved": ProblemType(
        412,
        "The revision moved",
        "Somebody else changed the prompt after it was read; nothing was changed now."
        " 'current_revision' and 'current_version' say where it is.",
        "Read the prompt again, look at what was changed, and repeat the request with"
        " 'If-Match: \"<current_revision>\"'; 'If-Match: *' insists, whatever is there."
        " A prompt that does not exist yet is created with 'If-None-Match: *'.",
    ),
    "too-large": ProblemType(
        413,
        "Too large",
        "The body is larger than any valid request is.",
        "A template may have 256 KiB, a config 32 KiB, a note 1,000 characters.",
    ),
    "unsupported-media-type": ProblemType(
        415,
        "Only JSON",
        "The body's media type is not application/json in UTF-8, or the body is compressed.",
        "Send 'Content-Type: application/json', and no 'Content-Encoding'.",
    ),
    "invalid": ProblemType(
        422,
        "Invalid",
        "The request breaks a rule; nothing was changed. 'errors' lists every mistake that was"
        " found: 'pointer' is a JSON pointer into the body (empty for the body as a whole, a"
        " header or a parameter), 'line' and 'column' are a place in a template, from 1.",
        "Mend what is listed. POST /api/v1/prompts/<name>/validate checks without saving.",
    ),
    "key-reused": ProblemType(
        422,
        "The Idempotency-Key was used before",
        "Another request was carried out under this key: with another method, path, If-Match or"
        " body. Nothing was changed now.",
        "Make a new key for each new request, and keep it only to repeat that one.",
    ),
    "precondition-required": ProblemType(
        428,
        "Say what the change is based on",
        "A change without a precondition could undo somebody else's without notice.",
        "Send 'If-Match: \"<revision>\"' with the ETag of GET /api/v1/prompts/<name>, or"
        " 'If-None-Match: *' to create a prompt.",
    ),
    "too-many-requests": ProblemType(
        429,
        "Too many at once",
        "As many clients as allowed are watching the updates, or as many prompts are being tried,"
        " as one instance takes at a time.",
        "Try again after 'Retry-After' seconds, or ask another instance.",
        retry_after=5,
    ),
    "internal": ProblemType(
        500,
        "A mistake of ours",
        "Something happened that should not; the log of the admin service tells more under the"
        " 'request_id'.",
        "Read the prompt before you repeat a change: it may have been carried out.",
    ),
    "log-unavailable": ProblemType(
        503,
        "The log is out of reach",
        "Redis did not answer in time, or refuses writes. Nothing was changed; the replicas go on"
        " with what they have.",
        "Try again after 'Retry-After' seconds; the same Idempotency-Key makes that safe.",
        retry_after=1,
    ),
    "log-diverged": ProblemType(
        503,
        "The log is not the one that was known",
        "It is missing, ends too early, or holds another event where one was seen. Nothing was"
        " changed; the replicas go on with their last good state.",
        "'detail' says what. Somebody has to look: 'promptcast fork show' tells who holds what, and"
        " 'promptcast fork keep-log' or 'keep-journal' decides; 'promptcast repair' mends a log that"
        " somebody wrote into, and 'promptcast import' brings one back from an export.",
        retry_after=30,
    ),
    "log-trimmed": ProblemType(
        503,
        "This instance does not have the log's past",
        "The oldest events were trimmed from the server, and this instance's journal does not hold them:"
        " it began, or was away, when they went. What is newer is answered as ever.",
        "Ask another instance; and give this one what it lacks, with 'promptcast fill' and the archive"
        " or an export of another instance.",
        retry_after=30,
    ),
    "outcome-unknown": ProblemType(
        503,
        "The outcome is not known",
        "The connection broke while the change was written: it may have been carried out or not.",
        "Repeat the same request with the same Idempotency-Key: it is carried out at most once.",
        retry_after=1,
    ),
    "read-only": ProblemType(
        503,
        "Nothing can be written here",
        "The log holds an event of a newer version of Promptcast, which this one cannot read.",
        "Upgrade this admin service. Reading goes on meanwhile.",
        retry_after=60,
    ),
}
