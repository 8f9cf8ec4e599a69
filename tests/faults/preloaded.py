"""A preloaded library: made of a C file of this folder, it stands before the C library of one process.

Both sides share one page, a file that the environment names (``SLOW_DISK_PAGE`` for `slow_disk.c`). The
process is started again once for that, and has the library for the rest of the rig's life; it may have
several of them.
"""

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.faults.scenario import Stage, Void

Env = dict[str, str]


def preloaded(source: Path, folder: Path, name: str, size: int, others: str = "") -> Env:
    """The environment that preloads what is made of ``source`` into a process ``name``, behind the
    ``others`` that it has. Its page, of ``size`` bytes, is new and all zero.

    Raises :class:`Void` where there is no compiler.
    """
    library, page = folder / f"{source.stem}.so", folder / f"{name}.{source.stem}.page"
    _compile(source, library)
    page.write_bytes(bytes(size))
    every = ":".join(each for each in (others, str(library)) if each)
    return {"LD_PRELOAD": every, variable(source): str(page)}


def variable(source: Path) -> str:
    """The variable that names the page."""
    return f"{source.stem.upper()}_PAGE"


async def fitted(stage: Stage, name: str, source: Path, prepared: Callable[[str], Env]) -> Env:
    """The environment of ``server``, an admin or a replica, which is started again with what
    ``prepared`` adds to it unless it has that already; that is told what is preloaded by now."""
    rig = stage.rig
    env = rig.server.env if name == "server" else rig.processes[name].env
    if variable(source) not in env:
        env |= await asyncio.to_thread(prepared, env.get("LD_PRELOAD", ""))
        await (rig.kill(name) if name == "server" else rig.end(name))
        await rig.start(name)
        await stage.saves(3)
    return env


def _compile(source: Path, library: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise Void(f"there is no gcc here to make {source.stem} with")
    if not library.exists():
        argv = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"]
        made = subprocess.run(argv, capture_output=True, text=True, check=False)
        if made.returncode:
            raise Void(f"{source.stem} cannot be made: {made.stderr[-300:]}")
