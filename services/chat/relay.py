"""A stream's bytes on their way from the model to the client. Pure: blocks in, blocks out.

Blocks are forwarded as they come, cut at event boundaries, and no event is parsed unless a byte
search says that it may be one of three: the end, an error, or the usage chunk that we asked for and
the client did not.
"""

import re
from typing import Final

from services.chat.errors import ChatError
from services.chat.events import ENDS, data_of, parse_data, split_events, whole_events
from services.chat.upstream_errors import from_event
from services.chat.usage import Usage, find_usage, read_usage

MAX_EVENT_BYTES: Final = 1024 * 1024

_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_TOKEN = re.compile(
    rb'"(?:content|reasoning_content|reasoning|refusal)"\s*:\s*"[^"]|"tool_calls"\s*:\s*\['
)


class Relay:
    """One stream. ``keep_usage`` says whether the client asked for the usage chunk itself.

    ``begun`` turns true with the first token that the model wrote; an opening chunk with only a
    role is none. ``done`` turns true with ``[DONE]``. ``failure`` is set when the stream ends
    otherwise: the client gets that error as its last event. Nothing is forwarded after either.
    """

    def __init__(self, *, keep_usage: bool) -> None:
        self._keep_usage = keep_usage
        self._tail = b""
        self._before = self._last = b""
        self._usage: Usage | None = None
        self.begun = False
        self.done = False
        self.failure: ChatError | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will be forwarded."""
        return self.done or self.failure is not None

    @property
    def usage(self) -> Usage | None:
        """The tokens of the answer, as far as the stream has said."""
        return self._usage or find_usage(self._last) or find_usage(self._before)

    def feed(self, block: bytes) -> bytes:
        """Take a block as it came and give what may be forwarded now: whole events, maybe none."""
        if self._tail:
            block = self._tail + block
            self._tail = b""
        if not block.endswith(ENDS):
            block = self._cut(block)
        if not self.begun:
            self.begun = _TOKEN.search(block) is not None
        if b"[DONE]" in block or b'"error"' in block or _NO_CHOICES.search(block):
            block = self._sift(block)
        if block:
            self._before, self._last = self._last, block
        return block

    def finish(self) -> bytes:
        """Take the end of the upstream's bytes; give what is still to be forwarded.

        A stream whose ``[DONE]`` lacks the empty line after it is whole. One that ends without it
        has broken off: the piece of an event that is left over is dropped.
        """
        if self.over:
            return b""
        rest, self._tail = self._tail + b"\n\n", b""
        if data_of(rest) == b"[DONE]":
            self.done = True
            return rest
        self.failure = ChatError("upstream_broke_off", "the model's answer broke off in the middle")
        return b""

    def _cut(self, block: bytes) -> bytes:
        whole = whole_events(block)
        self._tail = block[whole:]
        if len(self._tail) > MAX_EVENT_BYTES:
            self.failure = ChatError("upstream_error", "the model's answer has too large an event")
        return block[:whole]

    def _sift(self, block: bytes) -> bytes:
        kept = []
        for event in split_events(block):
            if self._keeps(event):
                kept.append(event)
            if self.over:
                break
        return b"".join(kept)

    def _keeps(self, event: bytes) -> bool:
        data = data_of(event)
        if data == b"[DONE]":
            self.done = True
            return True
        chunk = parse_data(data)
        if chunk is None:
            return True
        if chunk.get("error") and not chunk.get("choices"):
            self.failure = from_event(chunk["error"])
            return False
        if chunk.get("choices") != [] or (usage := read_usage(chunk.get("usage"))) is None:
            return True
        self._usage = usage
        return self._keep_usage
