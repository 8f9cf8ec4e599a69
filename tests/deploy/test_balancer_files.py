"""What can be seen of the balancers' files without the programs that read them."""

import re

import pytest

from tests.deploy.balancer import HAPROXY_CFG, NGINX_TEMPLATE, NOBODY, addresses, filled_in

USED = re.compile(r"\$\{(PROMPTCAST_\w+?)(?:-([^}]*))?\}")


def head(text: str) -> str:
    """The comment that a file begins with; ``PROMPTCAST_CHAT_1 … _3`` in it stands for three."""
    lines = text.splitlines()
    first = next(n for n, line in enumerate(lines) if not line.startswith("#"))
    told = " ".join("\n".join(lines[:first]).replace("#", " ").split())
    told = told.replace(
        "PROMPTCAST_CHAT_1 … _3", "PROMPTCAST_CHAT_1 PROMPTCAST_CHAT_2 PROMPTCAST_CHAT_3"
    )
    return told.replace("PROMPTCAST_ADMIN_1, _2", "PROMPTCAST_ADMIN_1 PROMPTCAST_ADMIN_2")


@pytest.mark.parametrize("file", [HAPROXY_CFG, NGINX_TEMPLATE], ids=["haproxy", "nginx"])
def test_every_variable_is_explained_with_its_default(file):
    text = file.read_text()
    used = dict(USED.findall(text))
    assert len(used) >= 8
    for name, default in used.items():
        (rest,) = re.findall(rf"{name}\b((?:(?!PROMPTCAST_).)*)", head(text))
        assert default in rest, name
    explained = set(re.findall(r"PROMPTCAST_\w+", head(text)))
    assert explained == set(used)


def test_nginx_keeps_its_own_variables_and_loses_ours():
    names = dict(USED.findall(NGINX_TEMPLATE.read_text()))
    filled = filled_in(
        NGINX_TEMPLATE.read_text(), {**dict.fromkeys(names, NOBODY), **addresses(())}
    )
    assert "${" not in filled
    assert "$remote_addr" in filled
