"""Every metric of Promptcast, declared here over a registry that is handed in.

Names and labels are what dashboards and alerts rely on. All times are seconds. Labels are bounded:
prompts and versions by `Fading`, outcomes and states by the lists in the code that counts them.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import TYPE_CHECKING, ClassVar, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from services.declared import Declared, Documented
from services.fading import Fading

if TYPE_CHECKING:
    from prometheus_client.metrics import MetricWrapperBase

REPLICA_STATES: Final = ("starting", "catching_up", "current", "stale", "diverged")
MEMBER_STATES: Final = (*REPLICA_STATES, "lagging", "gone")

CHANGES: Final = ("save", "restore", "archive")
CHANGE_OUTCOMES: Final = ("done", "unchanged", "replayed", "refused", "failed")

MILLISECONDS: Final = (
    *(0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""Buckets for what takes milliseconds when all is well and a minute when it is not."""

ANSWERS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0),
)
"""Buckets for what a model takes."""

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
"""Of what `exposition` returns."""


class ReplicaMetrics(Declared):
    """What one replica measures. ``clock`` is monotonic seconds; it only ages label sets."""

    service: ClassVar[str] = "replica"

    def __init__(
        self, registry: CollectorRegistry, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(registry)
        self._fading: list[Fading[MetricWrapperBase]] = []
        self._declare_reloads(clock)
        self._declare_chat(clock)

    def _declare_reloads(self, clock: Callable[[], float]) -> None:
        self.reload_lag = self._histogram(
            "reload_lag_seconds", "From append to applied, in the server's time", MILLISECONDS
        )
        self.reloads = Fading(
            self._counter("reloads", "Events about a prompt, by outcome", "prompt", "outcome"),
            clock,
        )
        self.prompt_version = Fading(
            self._gauge("prompt_version", "The live version", "prompt", "branch"), clock
        )
        self.applied_position = self._gauge(
            "applied_position", "The last position that was handled"
        )
        self.log_head_position = self._gauge("log_head_position", "The log's last position")
        self.lag_events = self._gauge("lag_events", "Events in the log that were not handled yet")
        self.last_reload_timestamp = self._gauge(
            "last_reload_timestamp_seconds", "When a prompt was last swapped in, Unix time"
        )
        self.log_connected = self._gauge("log_connected", "1 while the log is in reach, else 0")
        self.clock_offset = self._gauge(
            "clock_offset_seconds", "The server's clock minus this machine's"
        )
        self.replica_state = self._gauge("replica_state", "1 for the present state", "state")
        self.quarantined = self._gauge(
            "quarantined_events",
            "Events that this replica does not try again: they broke its loader",
        )
        self.state_errors = self._counter(
            "state_errors", "Times that what outlives the process was not kept, or late", "what"
        )
        self.connections_refused = self._counter(
            "connections_refused", "Connections that were closed unanswered", "reason"
        )
        self._fading += [self.reloads, self.prompt_version]

    def _declare_chat(self, clock: Callable[[], float]) -> None:
        self.chat_requests = Fading(
            self._counter(
                "chat_requests", "Chat requests, by outcome", "prompt", "version", "outcome"
            ),
            clock,
        )
        self.chat_duration = Fading(
            self._histogram(
                "chat_duration_seconds", "From request to end of answer", ANSWERS, "prompt"
            ),
            clock,
        )
        self.chat_first_token = Fading(
            self._histogram(
                "chat_first_token_seconds", "From request to first token", ANSWERS, "prompt"
            ),
            clock,
        )
        self.chat_tokens = Fading(
            self._counter(
                "chat_tokens", "Tokens, as the model counts them", "prompt", "version", "kind"
            ),
            clock,
        )
        self.chat_in_flight = self._gauge("chat_in_flight", "Chat requests being answered")
        self._fading += [
            self.chat_requests,
            self.chat_duration,
            self.chat_first_token,
            self.chat_tokens,
        ]

    def set_state(self, state: str) -> None:
        """Show ``state``, one of `REPLICA_STATES`, as the only present one."""
        for each in REPLICA_STATES:
            self.replica_state.labels(each).set(each == state)

    def forget(self, live: Mapping[str, int]) -> int:
        """Remove label sets that have not been used for ten minutes, except those of ``live``.

        ``live`` maps each prompt to its live version. To be called once in a while, by whoever
        owns the replica's heartbeat. Returns how many were removed.
        """

        def is_live(labels: Mapping[str, str]) -> bool:
            prompt = labels["prompt"]
            return prompt in live and labels.get("version", str(live[prompt])) == str(live[prompt])

        return sum(metric.forget(is_live) for metric in self._fading)


class AdminMetrics(Declared):
    """What one admin instance measures."""

    service: ClassVar[str] = "admin"

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.changes = self._counter(
            "changes", "Save, restore, archive, by outcome", "action", "outcome"
        )
        for change in product(CHANGES, CHANGE_OUTCOMES):
            self.changes.labels(*change)  # from 0 on: else the first failure would be no increase
        self.append = self._histogram("append_seconds", "Appending one event", MILLISECONDS)
        self.propagation = self._histogram(
            "propagation_seconds",
            "From append to the last member's report; observed by the appending admin only",
            MILLISECONDS,
        )
        self.replicas = self._gauge("replicas", "Members, by state", "state")
        self.replica_lag_events = self._gauge(
            "replica_lag_events", "Head - last delivered + pending, of its group", "replica"
        )
        self.replica_applied_position = self._gauge(
            "replica_applied_position", "What the member last reported", "replica"
        )
        self.log_head_position = self._gauge("log_head_position", "The log's last position")
        self.log_connected = self._gauge("log_connected", "1 while the log is in reach, else 0")
        self.sse_clients = self._gauge("sse_clients", "Clients that watch the updates")
        self.denials = self._counter("admin_denials", "Requests that were turned away", "reason")
        self.sign_ins = self._counter("sign_ins", "Attempts to sign in, by outcome", "outcome")
        self.connections_refused = self._counter(
            "connections_refused", "Connections that were closed unanswered", "reason"
        )
        self._declare_safety()

    def _declare_safety(self) -> None:
        self.log_writable = self._gauge(
            "log_writable", "1 while this instance may append to the log, else 0", "log"
        )
        self.log_healed = self._counter(
            "log_healed", "Times that a log which had gone back was made whole", "log"
        )
        self.log_healed_events = self._counter(
            "log_healed_events", "Events that were put back into a log", "log"
        )
        self.members_missed = self._counter(
            "members_missed", "Members without whose word saving went on after a change of server"
        )
        self.forks_kept = self._gauge(
            "forks_kept", "Files with events that are in no log any more, kept by this instance"
        )
        self.journal_position = self._gauge(
            "journal_position", "The last position that is safe in the journal", "log"
        )
        self.journal_lacks = self._gauge(
            "journal_lacks",
            "Events that are missing in the journal: trimmed from the server before it had them",
            "log",
        )
        self.log_begins = self._gauge(
            "log_begins", "The position that the log begins with on the server"
        )
        self.log_trimmed = self._gauge(
            "log_trimmed", "The position through which the log was trimmed"
        )
        self.journal = self._histogram(
            "journal_seconds", "Writing to the journal, fsync included", MILLISECONDS
        )
        self.journal_errors = self._counter(
            "journal_errors", "Writes to the journal that failed", "log"
        )
        self.not_durable = self._counter(
            "appends_not_durable",
            "Appends that were not confirmed to be as durable as was asked for",
        )
        self.credentials_lost = self._gauge(
            "credentials_lost", "People and API keys of the access log whose credentials are gone"
        )
        self.replicas_reaped = self._counter(
            "replicas_reaped", "Replicas that died without a word and are no members any more"
        )
        self.server_findings = self._gauge(
            "server_findings", "1 for each way in which the server could lose saves", "check"
        )
        self.server_memory = self._gauge(
            "server_memory_bytes", "What the server's data take, looked at each minute"
        )
        self.server_memory_limit = self._gauge(
            "server_memory_limit_bytes", "What they may take (maxmemory); 0: there is no limit"
        )
        self.groups_without_replica = self._gauge(
            "groups_without_replica", "Consumer groups of the log that no replica has spoken for"
        )

    def set_replicas(self, states: Iterable[str]) -> None:
        """Count the members by state; every state of `MEMBER_STATES` is shown, if with 0."""
        seen = list(states)
        for each in MEMBER_STATES:
            self.replicas.labels(each).set(seen.count(each))

    def forget_replica(self, replica: str) -> None:
        """Remove the series of a member that has left or was reaped."""
        self.replica_lag_events.remove(replica)
        self.replica_applied_position.remove(replica)


def exposition(registry: CollectorRegistry) -> bytes:
    """What ``/metrics`` answers, in Prometheus' text format 0.0.4."""
    return generate_latest(registry)


def documented() -> list[Documented]:
    """Every metric of both services, in the order of the README's table."""
    replica = ReplicaMetrics(CollectorRegistry(), clock=lambda: 0.0)
    return [*replica.documented, *AdminMetrics(CollectorRegistry()).documented]
