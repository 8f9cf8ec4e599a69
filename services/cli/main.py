"""The command ``promptcast``: where every command begins, and how every one of them ends."""

import os
import sys
from collections.abc import Sequence

from events.errors import PromptcastError
from services.cli import output
from services.cli.errors import CONVERGED, FAILED, INTERRUPTED, CliError


def main() -> None:
    """What the console script calls."""
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status; no error leaves as a traceback.

    ``PROMPTCAST_DEBUG=1`` raises them as they are.
    """
    debug = os.environ.get("PROMPTCAST_DEBUG", "") not in {"", "0"}
    try:
        status = _status(list(arguments))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        output.hush()
        return FAILED
    except Exception as error:
        if debug:
            raise
        return _failed(error)
    return status


def _status(arguments: list[str]) -> int:
    if arguments in (["admin"], ["chat"], ["dev"]):
        from services.cli import serve

        {"admin": serve.admin, "chat": serve.chat, "dev": serve.dev}[arguments[0]]()
        return CONVERGED
    from services.cli.commands import carry_out

    return carry_out(arguments)


def _failed(error: Exception) -> int:
    if isinstance(error, PromptcastError | OSError):
        output.note(str(error))
    else:
        name = type(error).__name__
        output.note(f"internal error: {name}: {error} (PROMPTCAST_DEBUG=1 shows where)")
    return error.exit_status if isinstance(error, CliError) else FAILED
