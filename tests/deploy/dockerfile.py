"""The Dockerfile, taken apart: its steps, and which files of the sources its builder gets."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from tests.system.process import ROOT

DOCKERFILE = ROOT / "deploy" / "container" / "Dockerfile"


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction, in capitals, with what stands behind it as one line."""

    name: str
    words: str

    def strings(self) -> list[str]:
        """The words of the exec form."""
        found: list[str] = json.loads(self.words[self.words.index("[") :])
        return found


def stages() -> list[list[Step]]:
    """The steps of each stage, which begins with its FROM; the ARGs before the first are left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found: list[list[Step]] = []
    for line in filter(None, joined.splitlines()):
        name, _, words = line.partition(" ")
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append(Step(name, words.strip()))
    return found


def the_only(name: str) -> Step:
    """That instruction of the last stage."""
    (step,) = [step for step in stages()[-1] if step.name == name]
    return step


def environment() -> dict[str, str]:
    """What the image sets."""
    return dict(re.findall(r'(\w+)="([^"]*)"', the_only("ENV").words))


def reaches_the_builder(path: str) -> bool:
    """Whether .dockerignore lets a path of the sources through: the last pattern about it decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if pattern and not pattern.startswith("#") and _is_about(pattern, path):
            ignored = not line.startswith("!")
    return not ignored


def _is_about(pattern: str, path: str) -> bool:
    """Whether it names the path or a folder above it; ``**/`` is any folders, ``*`` stays in one."""
    regex = "".join(
        "(?:.*/)?" if part == "**/" else translate(part)[4:-3].replace(".*", "[^/]*")
        for part in re.split(r"(\*\*/)", pattern)
        if part
    )
    parts = path.split("/")
    return any(re.fullmatch(regex, "/".join(parts[: n + 1])) for n in range(len(parts)))


def copy(words: str, workdir: Path) -> None:
    """What ``COPY words`` does, from the sources into ``workdir``; a source that is not there fails."""
    *sources, target = words.split()
    for source in sources:
        files = list(_files(source))
        assert files, f"COPY {source}: nothing of it reaches the builder"
        for file in files:
            inside = file.relative_to(ROOT / source) if (ROOT / source).is_dir() else file.name
            put = workdir / target / inside
            put.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, put)


def _files(source: str) -> Iterator[Path]:
    start = ROOT / source
    for file in [start] if start.is_file() else sorted(start.rglob("*")):
        if file.is_file() and reaches_the_builder(file.relative_to(ROOT).as_posix()):
            yield file
