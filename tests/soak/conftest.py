"""The same systems, services and clients as in ``tests/system``; all that is here is ``soak``."""

from pathlib import Path

import pytest

from tests.system.conftest import (  # noqa: F401  fixtures are used by their names
    admin,
    chat,
    model,
    module_server,
    replicas,
    services,
    session,
    start_system,
    system,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.soak)
