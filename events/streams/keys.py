"""Every key that Promptcast uses in Redis."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one namespace; the braces keep them on one slot of a cluster."""

    namespace: str

    @property
    def log(self) -> str:
        """Stream: the log, the only source of truth. Entry ids are positions, ``<N>-0``."""
        return f"{{{self.namespace}}}:log"

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
