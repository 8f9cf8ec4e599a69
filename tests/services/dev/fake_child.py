"""A program for the supervisor to run: answers health checks, and misbehaves when told to.

    fake_child.py PORT [--deaf] [--unready] [--exit STATUS] [--say TEXT] [--last-words FILE]

TEXT is said at the start, and again when ``/say`` is asked for. Only the standard library, so that
it starts in a few milliseconds with ``python -I -S``.
"""

import os
import signal
import socket
import sys


def option(name: str) -> str | None:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


def leave(*_signal: object) -> None:
    if file := option("--last-words"):
        with open(file, "a", encoding="utf-8") as words:  # noqa: PTH123  pathlib is slow to import
            words.write(f"{option('--name')}\n")
    os._exit(0)


def main() -> None:
    deaf = "--deaf" in sys.argv
    signal.signal(signal.SIGTERM, signal.SIG_IGN if deaf else leave)
    if text := option("--say"):
        print(text, flush=True)
    if status := option("--exit"):
        sys.exit(int(status))
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    while True:
        connection, _ = listener.accept()
        asked = connection.recv(4096)
        if text and b"/say" in asked:
            print(text, flush=True)
        ready = b"/readyz" not in asked or "--unready" not in sys.argv
        status_line = b"200 OK" if ready else b"503 Service Unavailable"
        connection.sendall(b"HTTP/1.1 " + status_line + b"\r\nContent-Length: 2\r\n\r\nok")
        connection.close()


if __name__ == "__main__":
    main()
