"""Turning a decided event into what is appended: envelope, hash, signature."""

from events.chain import Entry, Head
from events.envelope import Stamp, digest, render
from events.log import Draft
from events.model import Event
from events.signing import KeyRing


def seal(event: Event, stamp: Stamp, after: Head, keys: KeyRing) -> Draft:
    """``event`` made ready for the position behind ``after``, signed when ``keys`` has a key."""
    data = render(event, stamp, after.position + 1, after.digest)
    own = digest(data)
    kid, sig = keys.sign(own) or ("", "")
    return Draft(stamp.id, data, own, kid, sig)


def appended(draft: Draft, after: Head, at: int) -> Entry:
    """The entry that an append has made, as a reader would find it."""
    return Entry(after.position + 1, draft.event, draft.hash, at, draft.kid, draft.sig)
