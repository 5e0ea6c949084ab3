"""Aviosys IP Power 9258 and 9850: requests and pages, compared with those of QMI's and qcodes-contrib's drivers."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from contextlib import closing, contextmanager

import pytest

from hil.bench.model import PowerOutletDevice
from hil.drivers.aviosys_ip9258 import AviosysIp9258
from hil.errors import DeviceUnreachableError, InstrumentError, ReplyError, UsageError

HTML = "<html>p61={},p62={},p63=1,p64=1</html>"
MARKED = "<!--CGI-DATABEG-->\n<p>\np61={},p62={},p63=1,p64=1</p>\n\n<!--CGI-DATAEND-->\n"
GET_POWER = "/set.cmd?cmd=getpower"


@contextmanager
def served(*pages: tuple[str, bytes]):
    """Answers each connection with the next page, if its request is for the expected address; collects what was sent."""
    requests: list[bytes] = []

    def serve() -> None:
        for _, page in pages:
            connection, _ = listener.accept()
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(4096)
                requests.append(request)
                connection.sendall(page)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        number = listener.getsockname()[1]
        yield f"http://127.0.0.1:{number}", requests
        thread.join(10)
    assert [request.split()[1].decode() for request in requests] == [target for target, _ in pages]


def page(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def driver(settings, resource: str, **declared):
    table = PowerOutletDevice(driver="aviosys-ip9258", feeds=("x",), **declared)
    return closing(AviosysIp9258(settings(resource=resource, declared=table)))


@pytest.mark.parametrize("form", [HTML, MARKED])
def test_switches_its_outlet_and_looks(settings, form):
    """Both models' pages are read; the password goes with every request."""
    on, off = page(form.format(1, 1)), page(form.format(1, 0))
    pages = [(GET_POWER, on), ("/set.cmd?cmd=setpower&p62=0", off), (GET_POWER, off)]
    with served(*pages) as (resource, requests), driver(settings, resource, outlet=2) as outlet:
        outlet.open()
        outlet.set_powered(powered=False)
    assert all(b"Authorization: Basic " + b64encode(b"admin:12345678") in request for request in requests)


def test_an_outlet_that_does_not_follow_is_found(settings):
    on = page(HTML.format(1, 1))
    pages = [(GET_POWER, on), ("/set.cmd?cmd=setpower&p61=0", on), (GET_POWER, on)]
    with served(*pages[:2]) as (resource, _), driver(settings, resource) as outlet:
        outlet.open()
        with pytest.raises(InstrumentError, match="outlet 1 was switched off and stayed"):
            outlet.set_powered(powered=False)


def test_a_wrong_password_is_told(settings):
    refused = page("", "401 Unauthorized")
    with (
        served((GET_POWER, refused)) as (resource, _),
        driver(settings, resource) as outlet,
        pytest.raises(InstrumentError, match="refuses our user and password"),
    ):
        outlet.open()


@pytest.mark.parametrize("body", ["hello", "<p>p65=1</p>", "<html></html>"])
def test_other_pages_are_no_answer(settings, body):
    with served((GET_POWER, page(body))) as (resource, _), driver(settings, resource) as outlet, pytest.raises(ReplyError):
        outlet.open()


def test_a_connection_that_ends_in_the_middle_is_unreachable(settings):
    half = b"HTTP/1.1 200 OK\r\nContent-Le"
    with (
        served((GET_POWER, half)) as (resource, _),
        driver(settings, resource) as outlet,
        pytest.raises((DeviceUnreachableError, ReplyError)),
    ):
        outlet.open()


def test_outlets_and_addresses_it_cannot_have(settings):
    with driver(settings, "http://127.0.0.1:1", outlet=5) as outlet, pytest.raises(UsageError, match="outlets 1 to 4"):
        outlet.open()
    with driver(settings, "TCPIP::127.0.0.1::1::SOCKET") as outlet, pytest.raises(UsageError, match="expected http://HOST"):
        outlet.open()
