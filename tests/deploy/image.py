"""The image without an engine: the Dockerfile's own steps in a directory, and processes as it runs them.

The build stage's COPY and RUN are carried out as they stand there, with two paths replaced: the prefix
and the state directory. Processes get the image's environment and nothing else, the working directory
``/`` and, where the tests may do that, the image's user.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.deploy import dockerfile
from tests.system.patience import wait_until
from tests.system.process import ROOT

PREFIX, STATE = "/opt/promptcast", "/var/lib/promptcast"
BUILD_SECONDS = 200.0
_BUILDERS = ("PATH", "HOME", "TMPDIR", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""What the builder takes of our environment, and where packages come from (``PIP_…``)."""


@dataclass(slots=True)
class Image:
    """Everything is below ``directory``; :meth:`close` removes it and ends what still runs."""

    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="pc-")))
    running: list["Contained"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory.chmod(0o755)  # another user has to get to the prefix

    @property
    def prefix(self) -> Path:
        """What is copied from the build stage."""
        return self.directory / "prefix"

    @property
    def site(self) -> Path:
        """Where its packages are."""
        (site,) = self.prefix.glob("lib/python*/site-packages")
        return site

    def build(self) -> "Image":
        """Carry out the build stage, and what the last one copies beside its result."""
        build, last = dockerfile.stages()
        source = self.directory / "src"
        source.mkdir()
        for step in build:
            if step.name == "COPY":
                dockerfile.copy(step.words, source)
            if step.name == "RUN":
                self._run(re.sub(r"--mount=\S+ ", "", step.words), source)
        shutil.rmtree(source)
        self.prefix.chmod(0o755)
        for step in last:
            if step.name == "COPY" and not step.words.startswith("--from"):
                mode, copied, target = step.words.split()
                shutil.copy(ROOT / copied, self.put(target))
                Path(self.put(target)).chmod(int(mode.removeprefix("--chmod="), 8))
        self.prefix.chmod(0o555)
        return self

    def put(self, text: str, state: Path | None = None) -> str:
        """``text`` with the image's paths as they are here."""
        return text.replace(PREFIX, str(self.prefix)).replace(STATE, str(state or STATE))

    def start(self, name: str, words: Sequence[str], given: Mapping[str, str]) -> "Contained":
        """``docker run`` with this command, these variables and a state directory called ``name``."""
        state = self.directory / f"{name}.state"
        state.mkdir(mode=0o700)
        (self.directory / f"{name}.tmp").mkdir(mode=0o555)
        if os.geteuid() == 0:
            os.chown(state, self.user, self.user)
        self.running.append(Contained(self, name, list(words), dict(given), state))
        return self.running[-1]

    @property
    def user(self) -> int:
        """The image's."""
        return int(dockerfile.the_only("USER").words.partition(":")[0])

    def environment(self, given: Mapping[str, str], name: str, state: Path) -> dict[str, str]:
        """That of a container: nothing of ours, but for a directory that is for nobody to write to."""
        own = {key: self.put(value, state) for key, value in dockerfile.environment().items()}
        path = own["PATH"].replace("${PATH}", os.defpath)
        own = {**own, "HOME": "/", "PATH": path, "TMPDIR": str(self.directory / f"{name}.tmp")}
        return {**own, **given}

    def seen(self) -> dict[str, tuple[int, int]]:
        """Every file of the prefix, with its size and the time of its last change."""
        files = {str(path): path.lstat() for path in self.prefix.rglob("*")}
        return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in files.items()}

    def close(self) -> None:
        """End what runs, by its pid, and remove everything."""
        for each in self.running:
            each.kill()
        for path in [self.prefix, *self.prefix.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)  # whoever is not root may not remove files from it as it was
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, command: str, workdir: Path) -> None:
        env = {key: os.environ[key] for key in os.environ if key in _BUILDERS or key[:4] == "PIP_"}
        env |= {"PYTHON": _python(), "BUILDER": sys.executable}
        done = subprocess.run(
            ["sh", "-c", self.put(command)], cwd=workdir, env=env,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"RUN {command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def _python() -> str:
    """An interpreter for the prefix: ours, or the system's if the image's user cannot get to ours."""
    for path in (Path(sys.executable).resolve(), Path("/usr/bin/python3").resolve()):
        if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in path.parents):
            return str(path)
    raise AssertionError("no Python that other users can run (Debian, Ubuntu: apt install python3)")


class Contained:
    """One process of the image, and what is asked of it in its container."""

    def __init__(
        self, image: Image, name: str, words: list[str], given: dict[str, str], state: Path
    ) -> None:
        self.image, self.name, self.state = image, name, state
        self._env = image.environment(given, name, state)
        self._out = image.directory / f"{name}.out"
        with self._out.open("wb") as out:
            self._popen = self._spawn(words, out)

    def healthy(self) -> bool:
        """The exit status of the image's own health check, as a verdict."""
        words = dockerfile.the_only("HEALTHCHECK").strings()
        check = self._spawn([self.image.put(word) for word in words], subprocess.DEVNULL)
        return check.wait(timeout=30) == 0

    def becomes_healthy(self, seconds: float = 60.0) -> None:
        """Wait for it; fails at once when the process ends."""
        wait_until(lambda: self._popen.poll() is not None or self.healthy(), seconds, self.said)
        assert self._popen.poll() is None, self.said()

    def stop(self, seconds: float) -> int:
        """``docker stop``: the signal that the image names, and the exit status within these seconds."""
        self._popen.send_signal(signal.Signals[dockerfile.the_only("STOPSIGNAL").words])
        return self.ended(seconds)

    def ended(self, seconds: float) -> int:
        """The exit status, within these seconds."""
        return self._popen.wait(timeout=seconds)

    def said(self) -> str:
        """The last of what it has said."""
        return self._out.read_text(errors="replace")[-4000:]

    def kill(self) -> None:
        """``docker kill``, unless it has ended."""
        self._popen.kill()
        self._popen.wait()

    def _spawn(self, words: list[str], out: int | IO[bytes]) -> subprocess.Popen[bytes]:
        program = shutil.which(words[0], path=self._env["PATH"])
        assert program, f"{words[0]} is not in the image"
        who = self.image.user if os.geteuid() == 0 else None
        groups: list[int] | None = [] if who else None
        return subprocess.Popen(
            [program, *words[1:]], env=self._env, cwd="/", user=who, group=who, extra_groups=groups,
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
