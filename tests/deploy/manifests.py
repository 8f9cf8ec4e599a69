"""deploy/kubernetes as kubectl renders it, and what comes of it: settings, and who reaches whom."""

import base64
import functools
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.deploy import dockerfile
from tests.system.process import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("dev", "production")
Resource = dict[str, Any]
Labels = Mapping[str, str]


@functools.cache
def rendered(name: str) -> "Manifests":
    """``base`` or an overlay, with secrets made as its README tells."""
    kubectl = shutil.which("kubectl")
    assert kubectl, "kubectl is not in PATH (Debian, Ubuntu: apt install kubernetes-client)"
    with tempfile.TemporaryDirectory(prefix="pc-") as directory:
        copy = Path(directory) / "kubernetes"
        shutil.copytree(FOLDER, copy, ignore=lambda _, names: [n for n in names if _is_secret(n)])
        _make_secrets(copy / "overlays")
        folder = copy / name if name == "base" else copy / "overlays" / name
        done = subprocess.run(
            [kubectl, "kustomize", folder], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    return Manifests(list(yaml.safe_load_all(done.stdout)))


def _is_secret(name: str) -> bool:
    """A file that somebody has made for their own use."""
    return name.endswith((".env", "-ca.crt")) and not name.endswith(".example.env")


def _make_secrets(overlays: Path) -> None:
    subprocess.run(["sh", overlays / "dev" / "secrets.sh"], check=True, timeout=30)
    keys = {name: secrets.token_hex(32) for name in ("PROMPTCAST_ADMIN_KEY", "PROMPTCAST_CHAT_KEY")}
    keys["PROMPTCAST_SIGNING_KEYS"] = f"k1:{secrets.token_hex(32)}"
    keys["OPENAI_API_KEY"] = "sk-test"
    for example in (overlays / "production").glob("*.example.env"):
        filled = re.sub(
            r"^(\w+)=$", lambda m: f"{m[1]}={keys[m[1]]}", example.read_text(), flags=re.MULTILINE
        )
        example.with_name(example.name.replace(".example", "")).write_text(filled)
    (overlays / "production" / "redis-ca.crt").write_text("a certificate\n")


class Manifests:
    """Resources, by kind and name."""

    def __init__(self, resources: list[Resource]) -> None:
        self.all = resources

    def of(self, kind: str) -> dict[str, Resource]:
        """Those of a kind, by name."""
        return {each["metadata"]["name"]: each for each in self.all if each["kind"] == kind}

    def workloads(self) -> dict[str, Resource]:
        """Whatever makes pods."""
        return {**self.of("Deployment"), **self.of("StatefulSet")}

    def pods(self) -> dict[str, Resource]:
        """The pod of each workload: its template."""
        return {name: each["spec"]["template"] for name, each in self.workloads().items()}

    def selected(self, selector: Resource) -> list[str]:
        """The workloads whose pods a label selector finds."""
        pods = self.pods().items()
        return [name for name, pod in pods if matches(selector, pod["metadata"]["labels"])]

    def environment(self, workload: str) -> dict[str, str]:
        """What its process finds: the image's, the maps' and secrets', its own: later ones win."""
        container = only_container(self.pods()[workload])
        found = dict(dockerfile.environment())
        for source in container.get("envFrom", ()):
            if "configMapRef" in source:
                found |= self.of("ConfigMap")[source["configMapRef"]["name"]]["data"]
            else:
                data = self.of("Secret")[source["secretRef"]["name"]]["data"]
                found |= {key: base64.b64decode(value).decode() for key, value in data.items()}
        for each in container.get("env", ()):
            found[each["name"]] = _value(each, workload, found)
        return found

    def lets(self, source: str | Labels, target: str, port: int) -> bool:
        """Whether the policies let a workload, or a pod of another namespace, reach a workload's port.

        ``source`` as labels are those of the other namespace.
        """
        out = not isinstance(source, str) or self._side("Egress", source, target, port)
        return out and self._side("Ingress", target, source, port)

    def _side(self, way: str, whose: str, other: str | Labels, port: int) -> bool:
        """Whether policies about ``whose`` pods allow it; where there is none, everything is allowed."""
        rules = list(self.rules(way, self.labels(whose)))
        return None in rules or any(_allows(self, way, rule, other, port) for rule in rules if rule)

    def rules(self, way: str, labels: Labels) -> Iterator[Resource | None]:
        """The rules about pods with these labels; one that is None when no policy is about them."""
        policies = [each["spec"] for each in self.of("NetworkPolicy").values()]
        about = [
            each
            for each in policies
            if way in each["policyTypes"] and matches(each["podSelector"], labels)
        ]
        if not about:
            yield None
        for each in about:
            yield from each.get(way.lower(), ())

    def labels(self, workload: str) -> Labels:
        """Those of its pods."""
        found: Labels = self.pods()[workload]["metadata"]["labels"]
        return found


def matches(selector: Resource, labels: Labels) -> bool:
    """Whether a label selector matches; an empty one matches everything."""
    expressions = selector.get("matchExpressions", ())
    assert all(each["operator"] == "In" for each in expressions), "no other is used here"
    return all(
        labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()
    ) and all(labels.get(each["key"]) in each["values"] for each in expressions)


def only_container(pod: Resource) -> Resource:
    """The one container of a pod."""
    (container,) = pod["spec"]["containers"]
    found: Resource = container
    return found


def ports(pod: Resource) -> dict[str, int]:
    """Its container's ports by name."""
    return {each["name"]: each["containerPort"] for each in only_container(pod).get("ports", ())}


def _allows(manifests: Manifests, way: str, rule: Resource, other: str | Labels, port: int) -> bool:
    peers = rule.get("from" if way == "Ingress" else "to", ())
    return any(each["port"] == port for each in rule["ports"]) and any(
        _is_peer(manifests, peer, other) for peer in peers
    )


def _is_peer(manifests: Manifests, peer: Resource, other: str | Labels) -> bool:
    if isinstance(other, str):
        selector = peer.get("podSelector") if "namespaceSelector" not in peer else None
        return selector is not None and matches(selector, manifests.labels(other))
    return "namespaceSelector" in peer and matches(peer["namespaceSelector"], other)


def _value(variable: Resource, workload: str, others: Labels) -> str:
    fields = {"metadata.name": f"{workload}-5d8f7c6b9-x2x4k", "status.podIP": "10.1.2.3"}
    if "valueFrom" in variable:
        return fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
    return re.sub(r"\$\((\w+)\)", lambda found: others[found[1]], variable["value"])
