"""Every key that Promptcast uses in Redis."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one namespace; the braces keep them on one slot of a cluster."""

    namespace: str
    stream: str = "log"

    @property
    def log(self) -> str:
        """Stream: the log, the only source of truth. Entry ids are positions, ``<N>-0``."""
        return f"{{{self.namespace}}}:{self.stream}"

    @property
    def access(self) -> "Keys":
        """These keys with the access log, ``access``, for the log: a stream like the other."""
        return replace(self, stream="access")

    @property
    def fence(self) -> str:
        """String with a time to live: who puts this log back. While it is there, nobody appends."""
        return f"{self.log}:fence"

    @property
    def rebuilt(self) -> str:
        """Stream: this log while it is rebuilt; then it takes the log's place."""
        return f"{self.log}:rebuilt"

    def tail(self, name: str) -> str:
        """String with a time to live: the last entries that a member holds, offered by it as lines."""
        return f"{{{self.namespace}}}:tail:{name}"

    @property
    def reports(self) -> str:
        """Stream, capped: what replicas say of the log, at each apply and with every heartbeat."""
        return f"{{{self.namespace}}}:reports"

    def replica(self, replica_id: str) -> str:
        """String with a short time to live: the instance that holds this replica id."""
        return f"{{{self.namespace}}}:replica:{replica_id}"

    def snapshot(self, projection: str) -> str:
        """Hash: a projection's state at a position."""
        return f"{{{self.namespace}}}:snapshot:{projection}"

    @property
    def credentials(self) -> str:
        """Hash: argon2id encodings of people's passwords, digests of API keys and of one-time links."""
        return f"{{{self.namespace}}}:credentials"

    def session(self, digest: str) -> str:
        """Hash with a time to live: a session of the admin, by the SHA-256 of its token."""
        return f"{{{self.namespace}}}:session:{digest}"

    def link(self, digest: str) -> str:
        """Hash with a time to live: a one-time link, by the SHA-256 of its token."""
        return f"{{{self.namespace}}}:link:{digest}"
