"""Certificates of a CA of the tests' own, as the files that ``deploy/redis/tls.conf`` names."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trustme

from services.dev.ports import HOST


class Certificates:
    """A CA, a server's certificate by it, and another CA that has nothing to do with them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ca = trustme.CA()
        self._ca.cert_pem.write_to_path(directory / "ca.crt")
        trustme.CA().cert_pem.write_to_path(directory / "other.crt")
        self.renew()

    def renew(self) -> None:
        """Another key and certificate, in the place of the old ones."""
        issued = self._ca.issue_cert(HOST)
        issued.private_key_pem.write_to_path(self.directory / "server.key")
        issued.cert_chain_pems[0].write_to_path(self.directory / "server.crt")

    @property
    def ca(self) -> str:
        """What a client must know."""
        return str(self.directory / "ca.crt")

    @property
    def other_ca(self) -> str:
        """What is of no use to it."""
        return str(self.directory / "other.crt")

    @property
    def lines(self) -> Sequence[str]:
        """Of a server's own file, behind ``tls.conf``."""
        files = {"cert": "server.crt", "key": "server.key", "ca-cert": "ca.crt"}
        return [f"tls-{kind}-file {self.directory / file}" for kind, file in files.items()]

    @property
    def client(self) -> dict[str, Any]:
        """Options of a plain client."""
        return {"ssl": True, "ssl_ca_certs": self.ca}
