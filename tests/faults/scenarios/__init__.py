"""The scenarios: each module of this package has some, in ``SCENARIOS``; nothing else is to be done."""

import importlib
import pkgutil

from tests.faults.scenario import Scenario


def every_scenario() -> list[Scenario]:
    """All of them, module by module. Two of one name are a mistake."""
    modules = [
        importlib.import_module(f"{__name__}.{found.name}")
        for found in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name)
    ]
    scenarios: list[Scenario] = [each for module in modules for each in module.SCENARIOS]
    names = [each.name for each in scenarios]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"two scenarios of one name: {', '.join(sorted(twice))}")
    return scenarios
