"""The shape of a streamed ``POST /chat``: ``event: delta`` …, then ``done``, or ``error``."""

import json

from services.chat.errors import ChatError
from services.chat.events import data_of, parse_data, split_events
from services.chat.reply import Reply


class Deltas:
    """Turns the model's chunks into deltas of text, and gathers the reply as they pass."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def events(self, events: bytes) -> bytes:
        """One ``event: delta`` for each chunk that has text in it."""
        chunks = (parse_data(data_of(event)) for event in split_events(events))
        texts = (self._reply.take(chunk, "delta") for chunk in chunks if chunk is not None)
        return b"".join(_event("delta", {"text": text}) for text in texts if text)

    def end(self) -> bytes:
        """``event: done`` with the whole reply."""
        return _event("done", self._reply.body())

    def error(self, error: ChatError) -> bytes:
        """``event: error`` in place of ``done``."""
        return b"event: error\ndata: " + error.body() + b"\n\n"


def _event(name: str, data: object) -> bytes:
    text = json.dumps(data, ensure_ascii=False).encode(errors="replace")
    return b"event: " + name.encode() + b"\ndata: " + text + b"\n\n"
