"""Aviosys IP Power 9258 and 9850 byte by byte: requests of QMI's and qcodes-contrib's drivers."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from hil.bench import load
from hil.device_sims.world.world import World

SHELF = Path(__file__).parents[2] / "contract" / "shelf.toml"
LOGIN = b64encode(b"admin:12345678")


@pytest.fixture
def world():
    return World(load(SHELF), seed=7)


@pytest.fixture
def pdu(world, talk):
    return talk(world, "pdu")


def get(target: str, login: bytes = LOGIN, method: str = "GET") -> bytes:
    authorization = b"Authorization: Basic " + login + b"\r\n" if login else b""
    return f"{method} {target} HTTP/1.1\r\nHost: pdu.lab\r\n".encode() + authorization + b"\r\n"


def message(reply: bytes) -> bytes:
    assert reply.startswith(b"HTTP/1.1 200 ")
    return reply.split(b"<p>")[1].split(b"</p>")[0].strip()


def test_the_9258_says_it_in_a_page(world, talk):
    """At the places of its characters where qcodes-contrib looks: the first outlet at 10, every further one six on."""
    body = talk(world, "pdu9258")(get("/set.cmd?cmd=setpower+p63=0")).split(b"\r\n\r\n")[1]
    assert body == b"<html>p61=1,p62=1,p63=0,p64=1</html>"
    assert [body[4 + 6 * number : 5 + 6 * number] for number in (1, 2, 3, 4)] == [b"1", b"1", b"0", b"1"]


def test_tells_its_four_outlets(pdu):
    """Between <p> and </p>, as QMI reads it; the whole answer has its length."""
    reply = pdu(get("/set.cmd?cmd=getpower"))
    assert message(reply) == b"p61=1,p62=1,p63=1,p64=1"
    head, body = reply.split(b"\r\n\r\n", 1)
    assert b"content-length: %d" % len(body) in head.lower()


@pytest.mark.parametrize("form", ["cmd=setpower+p62=0", "cmd=setpower&p62=0", "cmd=setpower%20p62=0"])
def test_switches_in_every_form_that_drivers_send(world, pdu, form):
    """The bench file's outlet is the second: what it feeds loses its power."""
    assert message(pdu(get(f"/set.cmd?{form}"))) == b"p61=1,p62=0,p63=1,p64=1"
    assert not world.beside.powered("pdu")
    assert not world.beside.has_power("spd")


def test_other_outlets_feed_nothing(world, pdu):
    assert message(pdu(get("/set.cmd?cmd=setpower+p61=0"))) == b"p61=0,p62=1,p63=1,p64=1"
    assert world.beside.powered("pdu")


@pytest.mark.parametrize("login", [b"", b64encode(b"admin:wrong")])
def test_without_its_password_nothing_is_told_or_switched(world, pdu, login):
    reply = pdu(get("/set.cmd?cmd=setpower+p62=0", login))
    assert reply.startswith(b"HTTP/1.1 401 ")
    assert b'WWW-Authenticate: Basic realm="user area"' in reply
    assert world.beside.powered("pdu")


def test_version_and_address(pdu):
    assert message(pdu(get("/set.cmd?cmd=getversion"))) == b"Version=V1.55"
    assert message(pdu(get("/set.cmd?cmd=getmac"))).startswith(b"mac=")


@pytest.mark.parametrize("target", ["/", "/set.cmd", "/set.cmd?cmd=reboot", "/other?cmd=getpower"])
def test_pages_it_does_not_have(pdu, target):
    assert pdu(get(target)).startswith(b"HTTP/1.1 404 ")


def test_a_head_has_no_body(pdu):
    """QMI looks that way whether somebody is there."""
    reply = pdu(get("/", method="HEAD"))
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert reply.endswith(b"\r\n\r\n")


def test_what_is_no_http_ends_the_conversation(pdu):
    assert pdu(b"p61=1\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert pdu(get("/set.cmd?cmd=getpower")) == b""
