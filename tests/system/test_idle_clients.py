"""A device that drops silent clients: the PM103E, in virtual and in real time, and a driver that lives with it."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from hil import discovery
from hil.bench import load
from hil.clock import VirtualClock
from hil.device_sims._speed import SpeedClock
from hil.device_sims.host import TwinHost
from hil.ports.spec import DeviceSettings

if TYPE_CHECKING:
    from hil.clock import Clock


def host_of(clock: Clock, speed: float = 1.0) -> TwinHost:
    """metro-25km with a PM103E for its power meter."""
    bench = load("metro-25km")
    meter = replace(bench.device["meter"], twin="thorlabs-pm103e")
    return TwinHost(replace(bench, device={**bench.device, "meter": meter}), ["meter"], 3, clock, speed=speed)


def test_two_minutes_of_silence_end_a_connection() -> None:
    """To the second after the last word, in virtual time; whoever speaks stays."""
    clock = VirtualClock()
    with host_of(clock) as host, socket.create_connection(("127.0.0.1", host.addresses["meter"].port), timeout=20) as client:
        for _ in range(3):
            clock.sleep(119.0)
            client.sendall(b"*IDN?\n")
            assert client.recv(100).startswith(b"Thorlabs,PM103E,P")
        clock.sleep(119.0)
        client.setblocking(False)  # noqa: FBT003  (the socket's own signature)
        with pytest.raises(BlockingIOError):
            client.recv(1)
        clock.sleep(1.0)
        client.settimeout(20)
        assert client.recv(1) == b""


def test_in_real_time_too() -> None:
    """At a thousand times the speed two minutes are 0.12 s: the end comes by itself."""
    with (
        host_of(SpeedClock(1000.0), speed=1000.0) as host,
        socket.create_connection(("127.0.0.1", host.addresses["meter"].port), timeout=20) as client,
    ):
        assert client.recv(1) == b""


def test_the_driver_connects_anew_and_finds_what_it_had_set() -> None:
    """Five minutes between two readings; neither the reading nor the wavelength is lost."""
    clock = VirtualClock()
    with host_of(clock) as host:
        settings = DeviceSettings("meter", host.addresses["meter"].resource, clock, timeout_s=10.0)
        driver = discovery.find("driver", "thorlabs-pm100d").build(settings)
        driver.open()
        with closing(driver):
            assert driver.identity().model == "PM103E"
            driver.set_wavelength_nm(1310.0)
            for _ in range(3):
                clock.sleep(300.0)
                assert abs(driver.power_w()) < 1e-9
            clock.sleep(300.0)
            assert driver.wavelength_nm() == 1310.0
