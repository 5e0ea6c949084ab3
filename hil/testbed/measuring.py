"""Measurements over a link that make no key: count rates, gaps between clicks, and the devices' own logs."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Literal, cast

from hil.errors import BenchError, UsageError
from hil.physics.link_model import calibration_uncertainty
from hil.physics.pair_prediction import pair_counts_hz
from hil.physics.prediction import detector_counts_hz
from hil.ports.detections import TagRecords
from hil.ports.identity import EvidenceLevel
from hil.ports.run import Availability, CalibrationLog, CountGates, InterClickGaps
from hil.testbed._quantity import seconds
from hil.testbed.acquisition import acquire
from hil.testbed.steps import through

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt

    from hil.bench.model import ReceiverDevice, SwitchDevice
    from hil.testbed.link import Link

__all__ = ["Condition", "count", "count_gates", "inter_click_gaps", "watch"]

Condition = Literal["dark", "lit"]

_SLICE_S = 60.0
"""Receivers log by the minute."""


def count_gates(link: Link, condition: Condition, gates: int, gate: str | float) -> list[CountGates]:
    """Clicks of each detector in equal gates, with what the closed forms expect of the link as declared."""
    gate_s = seconds(gate, "gate")
    if condition not in {"dark", "lit"} or gates < 1 or not gate_s:
        raise UsageError(
            f"{gates} gates of {gate_s:g} s, {condition!r}; expected 'dark' or 'lit', and one gate or more above 0 s"
        )
    link.require(EvidenceLevel.L1, "counts")
    if condition == "dark":
        with _dark(link):
            counted, live_s, _ = count(link, gates, gate_s)
        expected = _expected_dark_hz(link)
        uncertainty = 0.0
    else:
        link.ensure_up()
        counted, live_s, _ = count(link, gates, gate_s)
        expected = detector_counts_hz(link.testbed.bench, link.name)
        uncertainty = calibration_uncertainty(link.testbed.bench, link.name, date.today())  # noqa: DTZ011  (certificates bear local dates)
    return [
        CountGates(name, condition, live_s, counted[:, number], link.simulated, expected[name], uncertainty)
        for number, name in enumerate(_names(link))
    ]


def count(link: Link, gates: int, gate_s: float) -> tuple[npt.NDArray[np.int64], float, npt.NDArray[np.intp]]:
    """Clicks by gate and detector, the live seconds of a gate, and which gates they are, from the receivers' counters.

    Counts of shape (whole gates, detectors). A gate in which a device restarted, or its counters may have rolled over unseen,
    is left out, with a note in the record.
    """
    import numpy as np

    clock = link.testbed.clock
    looks = [[receiver.counters() for receiver in link.receivers]]
    for _ in range(gates):
        clock.sleep(gate_s)
        looks.append([receiver.counters() for receiver in link.receivers])
    gaps = np.array([[each.gaps for each in look] for look in looks])
    (whole,) = np.nonzero((gaps[1:] == gaps[:-1]).all(axis=1))
    if len(whole) < gates:
        text = f"{gates - len(whole)} of {gates} gates were left out: counters restarted, or may have rolled over unseen"
        link.testbed.record("note", text=text, time_s=link.testbed.now_s(), link=link.name)
    lives = np.array([[each.live_s for each in look] for look in looks])
    lives_s = (lives[1:] - lives[:-1])[whole].mean(axis=0) if len(whole) else np.zeros(len(link.receivers))
    live_s = float(lives_s.min())
    if not live_s > 0.0:
        raise BenchError(
            f"{link.receivers[int(lives_s.argmin())].name}: counted for {gates} gates of {gate_s:g} s, but its live time stands"
            " still; are its detectors biased?"
            if len(whole)
            else f"{link.name}: none of {gates} gates could be counted: counters restarted, or may have rolled over unseen;"
            " take shorter gates, or see why devices restart"
        )
    totals = np.array([[count for each in look for count in each.counts] for look in looks], dtype=np.int64)
    return (totals[1:] - totals[:-1])[whole], live_s, whole


def inter_click_gaps(link: Link, duration: str | float) -> list[InterClickGaps]:
    """Gaps between clicks of the same detector, in pulse periods or ticks, from one block of that length."""
    import numpy as np

    link.require(EvidenceLevel.L3, "gaps between clicks")
    link.ensure_up()
    records, _, _ = through(link.testbed.clock, acquire(link, seconds(duration)))
    found = []
    for receiver, own in zip(link.receivers, records, strict=True):
        if isinstance(own, TagRecords):
            times, tick_s = own.ticks, float(own.clock.tick_s)
        else:
            times, tick_s = own.index, 1.0 / link.pulse_rate_hz
        dead_time_s = cast("ReceiverDevice", link.testbed.bench.device[receiver.name]).dead_time_s
        for number, name in enumerate(link.detector_names(receiver)):
            gaps = np.diff(times[own.detector == number])
            found.append(InterClickGaps(name, tick_s, gaps, dead_time_s, link.simulated))
    return found


def watch(link: Link, duration: str | float) -> tuple[Availability, CalibrationLog]:
    """Leave the link alone for whole minutes of the receiver's log, then read both devices' logs."""
    duration_s = seconds(duration)
    link.ensure_up()
    clock, receiver, transmitter = link.testbed.clock, link.receiver, link.emitter
    clock.sleep(-receiver.device_time_ns() % round(_SLICE_S * 1e9) / 1e9)
    start_s, begun_s = link.testbed.now_s(), _whole_minute_s(receiver.device_time_ns())
    clock.sleep(duration_s)
    end_s, ended_s = link.testbed.now_s(), receiver.device_time_ns() / 1e9
    log = receiver.history(begun_s, ended_s)
    availability = Availability(
        link.name, _SLICE_S, int(log.up.sum()), int((ended_s - begun_s + 0.5) // _SLICE_S), link.simulated
    )
    since_power_up_s = transmitter.device_time_ns() / 1e9 - link.testbed.now_s()
    times_s = transmitter.calibrations_s() - since_power_up_s
    return availability, CalibrationLog(transmitter.name, times_s, (start_s, end_s), link.simulated)


def _names(link: Link) -> list[str]:
    return [name for receiver in link.receivers for name in link.detector_names(receiver)]


def _expected_dark_hz(link: Link) -> dict[str, float]:
    """Dark counts a second of each detector, afterpulses included."""
    if link.declared.entangled:
        return pair_counts_hz(link.testbed.bench, link.name, lit=False)
    return dict.fromkeys(_names(link), link.prediction.dark_counts_hz)


def _whole_minute_s(device_ns: int) -> float:
    return round(device_ns / 1e9 / _SLICE_S) * _SLICE_S


@contextmanager
def _dark(link: Link) -> Iterator[None]:
    """No light, switches on their dark ports, the bias on; afterwards as it was found."""
    switches = link.all_of_role("switch")
    emitting, biased = link.emitter.emitting(), [receiver.biased() for receiver in link.receivers]
    channels = [switch.channel() for switch in switches]
    link.emitter.set_emitting(emitting=False)
    for switch in switches:
        switch.select(cast("SwitchDevice", link.testbed.bench.device[switch.name]).dark_channel)
    for receiver in link.receivers:
        receiver.set_biased(biased=True)
    try:
        yield
    finally:
        for receiver, was in zip(link.receivers, biased, strict=True):
            receiver.set_biased(biased=was)
        for switch, channel in zip(switches, channels, strict=True):
            switch.select(channel)
        link.emitter.set_emitting(emitting=emitting)
