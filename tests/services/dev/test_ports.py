import os
import random
import socket

import pytest

from services.dev import ports as ports_module
from services.dev.errors import PortBusy
from services.dev.port_user import port_user
from services.dev.ports import HOST, Ports


def listener() -> socket.socket:
    return socket.create_server((HOST, 0))


def test_free_ports_differ_and_can_be_listened_on(ports):
    chosen = [ports.own() for _ in range(20)]
    assert len(set(chosen)) == 20
    for port in chosen:
        socket.create_server((HOST, port)).close()


def test_a_free_port_is_below_those_of_outgoing_connections(ports):
    assert 1024 < ports.own() < 32_768


def test_a_port_that_another_supervisor_has_spoken_for_is_not_free(ports, monkeypatch):
    taken = ports.own()
    monkeypatch.setattr(random, "sample", lambda _range, _n: [taken, taken + 1])
    with Ports() as other:
        assert other.own() != taken


def test_a_port_that_was_asked_for_is_given(ports):
    free = ports.own()
    with Ports() as other:
        assert other.own(free, "--admin-port") == free


def test_a_busy_port_is_named_with_who_uses_it_and_the_flag(ports):
    with listener() as busy:
        port = busy.getsockname()[1]
        with pytest.raises(PortBusy, match=rf"port {port} is in use.*--chat-port") as told:
            ports.shared(port, "--chat-port")
        if port_user(port):  # the system lets us see it
            assert f"(pid {os.getpid()})" in str(told.value)


def test_nobody_uses_a_free_port(ports):
    assert port_user(ports.own()) is None


def test_a_port_with_connections_of_the_past_is_not_busy(ports):
    with listener() as server:
        port = server.getsockname()[1]
        client = socket.create_connection((HOST, port))
        accepted, _ = server.accept()
        accepted.close()  # who closes first keeps the port in TIME_WAIT
        client.close()
    assert ports.own(port, "--admin-port") == port


@pytest.mark.skipif(not ports_module.BALANCES, reason="listeners can share a port on Linux only")
def test_the_shared_port_is_held_for_listeners_that_share_it(ports):
    port, fd = ports.shared(0, "--chat-port")
    assert fd is None
    with pytest.raises(OSError, match="in use"):
        socket.create_server((HOST, port))
    replicas = [socket.create_server((HOST, port), reuse_port=True) for _ in range(3)]
    for _ in range(10):  # every connection reaches somebody who listens
        with socket.create_connection((HOST, port), timeout=5):
            pass
    for replica in replicas:
        replica.close()
    with pytest.raises(ConnectionRefusedError):  # not the supervisor
        socket.create_connection((HOST, port), timeout=5)


def test_where_ports_cannot_be_shared_a_listening_socket_is_handed_on(ports, monkeypatch):
    monkeypatch.setattr(ports_module, "BALANCES", False)
    port, fd = ports.shared(0, "--chat-port")
    assert fd is not None
    with (
        socket.socket(fileno=os.dup(fd)) as inherited,
        socket.create_connection((HOST, port), timeout=5),
    ):
        accepted, _ = inherited.accept()
        accepted.close()
