"""What keeps ``promptcast dev`` from starting: always one line with the remedy.

::

    PromptcastError
    └── DevError
        ├── DataDirInUse     another supervisor works in the data directory
        ├── PortBusy         somebody listens on the port that was asked for
        └── StartFailed      a process did not become ready
"""

from events.errors import PromptcastError


class DevError(PromptcastError):
    """``promptcast dev`` cannot start, or cannot go on."""


class DataDirInUse(DevError):
    """Another ``promptcast dev`` works in the data directory."""


class PortBusy(DevError):
    """The port that was asked for is somebody else's."""


class StartFailed(DevError):
    """A process ended, or did not become ready in time, before everything was up."""
