"""Kubernetes' own schemas of its resources, by version; a field that they do not know is an error."""

import functools
import re
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from kubernetes_validate import latest_version  # type: ignore[import-untyped]  # nor does this
from kubernetes_validate.utils import (  # type: ignore[import-untyped]  # see above
    all_versions,
    schema_contents,
)
from referencing import Registry, Resource

OLDEST = "1.30"
"""The first that knows what the manifests use: a preStop that sleeps."""
NEWEST = ".".join(latest_version().split(".")[:2])


@functools.cache
def _folder(version: str) -> str:
    """Where a version's schemas are."""
    (found,) = {each for each in all_versions() if each.startswith(f"{version}.")}
    return f"kubernetes-json-schema/v{found}-local-strict"


@functools.cache
def _definitions(version: str) -> Registry:
    """What the schemas refer to. It is large: read once, and not for each resource."""
    contents = schema_contents(f"{_folder(version)}/_definitions.json", version)
    return (Resource.from_contents(contents) @ Registry()).crawl()


def complaints(resource: dict[str, Any], version: str) -> list[str]:
    """What is wrong with a resource in the eyes of this version."""
    api = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", resource["apiVersion"])
    schema = schema_contents(f"{_folder(version)}/{resource['kind'].lower()}-{api}.json", version)
    validator = Draft202012Validator(schema, registry=_definitions(version))
    whose = f"{resource['kind']} {resource['metadata']['name']}"
    return [
        f"{whose}: {each.json_path}: {each.message}" for each in validator.iter_errors(resource)
    ]
