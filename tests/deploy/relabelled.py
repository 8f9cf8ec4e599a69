"""Relabelling as Prometheus does it, as far as our configurations use it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any


def relabelled(
    rules: Iterable[Mapping[str, Any]], found: Mapping[str, str]
) -> dict[str, str] | None:
    """The labels of a target that was found with these; None when it is not scraped."""
    labels = dict(found)
    for rule in rules:
        value = ";".join(labels.get(name, "") for name in rule["source_labels"])
        matched = re.fullmatch(rule.get("regex", "(.*)"), value)
        action = rule.get("action", "replace")
        if action in ("keep", "drop"):
            if bool(matched) != (action == "keep"):
                return None
        elif matched:
            assert action == "replace", action
            labels[rule["target_label"]] = matched[1]
    return labels
