"""The services as programs: each a process of its own, configured by its environment as always."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import services
from services.dev.datadir import DataDir
from services.dev.ports import HOST
from services.dev.probe import http_ok
from services.dev.program import Program

ADMIN, MODEL = "admin", "model"
_DRAIN = "8"
"""Seconds for answers in flight when everything is stopped; shorter than in earnest."""
_MORE_THAN_DRAINED = 2.0
_END = 5.0
_MODEL_SECRETS = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
_ADMIN_SECRETS = ("PROMPTCAST_ADMIN_KEY",)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything of one run is: URLs and ports that outlive the processes behind them."""

    redis_url: str = field(repr=False)
    log: str
    """A name for the log that this server keeps, among others that were used from here."""
    admin_port: int
    chat_port: int
    chat_socket: int | None
    replica_ports: Mapping[str, int]
    model_port: int | None
    """None: a real model, named by the environment."""
    embedded: bool
    """The server is our own: nobody else has ever written to it."""


@dataclass(frozen=True, slots=True)
class Services:
    """Makes the programs of one run from its layout and the environment it was started in."""

    layout: Layout
    data: DataDir
    environ: Mapping[str, str] = field(repr=False)

    def admin(self, key: str) -> Program:
        """The admin service, whose edit API takes ``key``."""
        port = self.layout.admin_port
        given = {
            "PROMPTCAST_ADMIN_KEY": key,
            "PROMPTCAST_PORT": str(port),
            "PROMPTCAST_STATE_DIR": self._state(ADMIN),
            **self._open_after(),
            **self._demo_model(),  # it asks for drafts that somebody tries
        }
        return self._service(ADMIN, ("admin",), given, port, (), grace=_END)

    def replica(self, name: str) -> Program:
        """One chat replica, with a port of its own beside the one that all share."""
        port = self.layout.replica_ports[name]
        drain = self.environ.get("PROMPTCAST_DRAIN_TIMEOUT", _DRAIN)
        given = {
            "PROMPTCAST_ADVERTISE_URL": f"http://{HOST}:{port}",
            "PROMPTCAST_DRAIN_TIMEOUT": drain,
            "PROMPTCAST_DRAIN_NOTICE": "0",  # nobody here asks /readyz to send others elsewhere
            "PROMPTCAST_PORT": str(port),
            "PROMPTCAST_REPLICA_ID": name,
            "PROMPTCAST_STATE_DIR": self._state(name),
            **self._shared_port(),
            **self._demo_model(),
        }
        grace = _seconds(drain) + _MORE_THAN_DRAINED
        return self._service(name, ("chat",), given, port, _ADMIN_SECRETS, grace=grace)

    def model(self, port: int) -> Program:
        """The keyless demo model."""
        return Program(
            name=MODEL,
            argv=(sys.executable, "-P", "-m", "services.demo_model", "--port", str(port)),
            env=self._environment({"PROMPTCAST_PORT": str(port)}, _MODEL_SECRETS + _ADMIN_SECRETS),
            alive=http_ok(port, "/healthz"),
            ready=http_ok(port, "/healthz"),
            grace=_END,
            log=self.data.log(MODEL),
        )

    def _service(
        self,
        name: str,
        command: tuple[str, ...],
        given: Mapping[str, str],
        port: int,
        withheld: tuple[str, ...],
        *,
        grace: float,
    ) -> Program:
        fd = self.layout.chat_socket if name in self.layout.replica_ports else None
        return Program(
            name=name,
            argv=(sys.executable, "-P", "-m", "services.cli", *command),
            env=self._environment(given, withheld),
            alive=http_ok(port, "/healthz"),
            ready=http_ok(port, "/readyz"),
            grace=grace,
            log=self.data.log(name),
            pass_fds=() if fd is None else (fd,),
        )

    def _environment(self, given: Mapping[str, str], withheld: tuple[str, ...]) -> dict[str, str]:
        """The user's own settings, less the secrets of others, under what we decide.

        ``PYTHONPATH`` names the packages that this very process runs, and ``-P`` keeps the current
        directory out, where other packages may have the same names.
        """
        base = {name: value for name, value in self.environ.items() if name not in withheld}
        packages = str(Path(services.__file__).parents[1])
        path = [packages, *filter(None, [self.environ.get("PYTHONPATH")])]
        return base | {
            "PROMPTCAST_HOST": HOST,
            "PROMPTCAST_LOG_FORMAT": "json",
            "PYDANTIC_DISABLE_PLUGINS": "__all__",  # looking for them is a tenth of the start
            "PYTHONPATH": ":".join(path),
            "PYTHONUNBUFFERED": "1",
            "REDIS_URL": self.layout.redis_url,
            **given,
        }

    def _open_after(self) -> dict[str, str]:
        """Nobody needs to be listened for where nobody can know more of the log than the admin itself:
        it is the only one on an embedded server, and answers a save once that is in its journal. Whom
        its ``members.json`` names is waited for all the same."""
        remembers = (Path(self._state(ADMIN)) / "journal").exists()
        sure = self.layout.embedded and (self.data.is_new or remembers)
        return {"PROMPTCAST_OPEN_AFTER": "0"} if sure else {}

    def _state(self, name: str) -> str:
        """Where a service keeps what it knows of the log: for each log a place of its own."""
        return str(self.data.subdirectory("state", self.layout.log, name))

    def _shared_port(self) -> dict[str, str]:
        if self.layout.chat_socket is not None:
            return {"PROMPTCAST_SHARED_FD": str(self.layout.chat_socket)}
        return {"PROMPTCAST_SHARED_PORT": str(self.layout.chat_port)}

    def _demo_model(self) -> dict[str, str]:
        port = self.layout.model_port
        if port is None:
            return {}
        model = self.environ.get("PROMPTCAST_MODEL") or "demo"
        return {"OPENAI_BASE_URL": f"http://{HOST}:{port}/v1", "PROMPTCAST_MODEL": model}


def _seconds(text: str) -> float:
    try:
        return min(float(text), 3600.0)
    except ValueError:  # the service itself refuses it, in its own words
        return float(_DRAIN)
