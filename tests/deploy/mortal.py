"""A service small enough to be killed and started again many times.

``python -m tests.deploy.mortal PORT`` says 200 to all that it is asked, after a moment; one request
to a connection.
"""

import asyncio
import sys

from services.dev.ports import HOST

MOMENT = 0.005
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection. The requests of these tests have no body to speak of."""
    try:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(MOMENT)
        writer.write(ANSWER)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass  # a look at the port, or a client that has left
    finally:
        writer.close()


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.start_server(answer, HOST, int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
