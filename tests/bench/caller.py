"""Somebody who saves: bare HTTP/1.1 on one kept connection, one request at a time.

What it costs is added to both sides, so it costs as little as can be.
"""

import json
import socket
import time
from dataclasses import dataclass, field
from typing import Any

ANSWER_SECONDS = 30.0


@dataclass(slots=True)
class Caller:
    """Calls ``path`` of the server on ``port``."""

    port: int
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=dict)
    """The last one."""
    _socket: socket.socket | None = None

    def call(self, body: dict[str, Any]) -> float:
        """POST ``body``; ms from the first byte sent to the last received. It must be a 201."""
        data = json.dumps(body).encode()
        head = [f"POST {self.path} HTTP/1.1", "Host: bench", f"Content-Length: {len(data)}"]
        head += [f"{name}: {value}" for name, value in self.headers.items()]
        request = "\r\n".join([*head, "Content-Type: application/json", "", ""]).encode() + data
        began = time.perf_counter()
        status, answered = self._exchanged(request)
        ended = time.perf_counter()
        if status != 201:
            raise RuntimeError(f"{status}: {answered[:500].decode(errors='replace')}")
        self.answer = json.loads(answered)
        return (ended - began) * 1e3

    def _exchanged(self, request: bytes) -> tuple[int, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self.port), ANSWER_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        received = b""
        while not (whole := _whole(received)):
            more = self._socket.recv(1 << 16)
            if not more:
                raise RuntimeError("the server closed the connection")
            received += more
        return whole

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()


def _whole(received: bytes) -> tuple[int, bytes] | None:
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return None
    names = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    lengths = [int(value) for name, _, value in names if name.lower() == b"content-length"]
    return (int(head.split(b" ", 2)[1]), body) if len(body) >= lengths[0] else None
