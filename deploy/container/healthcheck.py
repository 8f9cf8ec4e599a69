#!/usr/bin/env python3
"""The image's health check: exit status 0 if the service in this container answers ``/healthz``, else 1.

It asks the port that PROMPTCAST_PORT names, and without one both services' own: a container runs only one
of them. Not ``/readyz``: whoever looks at this restarts containers, and a replica that is not ready
because Redis is away, or because it drains, is best left alone.
"""

import http.client
import os
import sys

PORTS = (8080, 8081)
SECONDS = 2.0


def answers(port: int) -> bool:
    """Whether the service there is alive. No proxy of the environment is asked: this is loopback."""
    connection = http.client.HTTPConnection("localhost", port, timeout=SECONDS)
    try:
        connection.request("GET", "/healthz", headers={"Connection": "close"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    """The exit status."""
    named = os.environ.get("PROMPTCAST_PORT", "").strip()
    ports = (int(named),) if named else PORTS
    return 0 if any(answers(port) for port in ports) else 1


if __name__ == "__main__":
    sys.exit(main())
