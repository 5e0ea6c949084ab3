"""Control port of a simulated transceiver: lines of text in, one line of text out for each."""

from __future__ import annotations

import base64
import json
from datetime import UTC
from fractions import Fraction
from math import isfinite, isnan
from typing import TYPE_CHECKING

from hil.bench.model import PairSourceDevice, ReceiverDevice, TransmitterDevice
from hil.device_sims.spec import Reply
from hil.device_sims.world.time_of_day import time_of_day
from hil.errors import UsageError

from ._device import Refusal, deliverable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._device import SimulatedTransceiver

__all__ = ["ControlSession"]

_LONGEST_LINE = 4096


class ControlSession:
    """One connection to the control port."""

    def __init__(self, transceiver: SimulatedTransceiver) -> None:
        self._transceiver = transceiver
        self._buffer = bytearray()
        self._overlong = False

    def received(self, data: bytes, now_ns: int) -> list[Reply]:
        """Answer every request that is complete."""
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(b"\n")
        self._buffer = bytearray(rest)
        replies = []
        for line in lines:
            too_long = self._overlong or len(line) > _LONGEST_LINE
            self._overlong = False
            answer = _refused(Refusal.bad_argument("line too long")) if too_long else self._answer(line, now_ns)
            replies.append(Reply(answer.encode("ascii") + b"\n"))
        if len(self._buffer) > _LONGEST_LINE:
            self._buffer.clear()
            self._overlong = True
        return replies

    def _answer(self, line: bytes, now_ns: int) -> str:
        words = line.rstrip(b"\r").decode("ascii", errors="replace").upper().split(" ")
        try:
            handler = _COMMANDS.get(words[0])
            if handler is None:
                raise Refusal.unknown(words[0].encode("ascii", errors="replace").decode()[:40])
            return handler(self._transceiver, words[1:], now_ns)
        except Refusal as refusal:
            return _refused(refusal)


def _refused(refusal: Refusal) -> str:
    return f"ERR {refusal.code} {refusal.text}"


def _no_arguments(arguments: list[str]) -> None:
    if arguments:
        raise Refusal.bad_argument("no argument expected")


def _emitter(transceiver: SimulatedTransceiver, what: str) -> TransmitterDevice | PairSourceDevice:
    if isinstance(transceiver.declared, ReceiverDevice):
        raise Refusal.unsupported(what)
    return transceiver.declared


def _receiver(transceiver: SimulatedTransceiver, what: str) -> ReceiverDevice:
    if not isinstance(transceiver.declared, ReceiverDevice):
        raise Refusal.unsupported(what)
    return transceiver.declared


def _on_or_off(arguments: list[str]) -> bool:
    if arguments not in (["ON"], ["OFF"]):
        raise Refusal.bad_argument("expected ON or OFF")
    return arguments == ["ON"]


def _identity(transceiver: SimulatedTransceiver, arguments: list[str], _now_ns: int) -> str:
    _no_arguments(arguments)
    return transceiver.identity


def _role(transceiver: SimulatedTransceiver, arguments: list[str], _now_ns: int) -> str:
    _no_arguments(arguments)
    return str(transceiver.declared.__struct_config__.tag).upper()


def _level(transceiver: SimulatedTransceiver, arguments: list[str], _now_ns: int) -> str:
    _no_arguments(arguments)
    return transceiver.level


def _time(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _no_arguments(arguments)
    return str(transceiver.world.uptime_ns(transceiver.name, now_ns))


def _date(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _no_arguments(arguments)
    shown = time_of_day(transceiver.world, transceiver.name, now_ns).astimezone(UTC)
    return shown.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _park(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _no_arguments(arguments)
    world, name = transceiver.world, transceiver.name
    if transceiver.emits:
        world.set_emitting(name, now_ns, emitting=False)
    else:
        if world.block_running(name):
            world.stop_block(name, now_ns)
        world.set_biased(name, now_ns, biased=False)
    return "OK"


def _emit(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _emitter(transceiver, "EMIT")
    transceiver.world.set_emitting(transceiver.name, now_ns, emitting=_on_or_off(arguments))
    return "OK"


def _is_emitting(transceiver: SimulatedTransceiver, arguments: list[str], _now_ns: int) -> str:
    _emitter(transceiver, "EMIT?")
    _no_arguments(arguments)
    return "ON" if transceiver.world.emitting(transceiver.name) else "OFF"


def _pulse(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _emitter(transceiver, "PULSE?")
    _no_arguments(arguments)
    return str(transceiver.world.pulse_index(transceiver.name, now_ns))


def _source(transceiver: SimulatedTransceiver, arguments: list[str], _now_ns: int) -> str:
    declared = _emitter(transceiver, "SOURCE?")
    _no_arguments(arguments)
    if isinstance(declared, PairSourceDevice):
        return _json(
            {
                "pulse_rate_hz": declared.pulse_rate_hz,
                "mean_pairs": declared.mean_pairs,
                "statistics": declared.statistics,
                "modes": declared.modes,
            }
        )
    return _json(
        {
            "pulse_rate_hz": declared.pulse_rate_hz,
            "intensities": declared.intensities,
            "probabilities": declared.intensity_probabilities,
            "key_basis_probability": declared.key_basis_probability,
            "source": declared.source,
            "g2": declared.g2,
            "bit_one_probability": declared.bit_one_probability,
            "intensity_fluctuation": declared.intensity_fluctuation,
            "intensity_correlation": declared.intensity_correlation,
            "preparation_error": declared.preparation_error,
            "phase": declared.phase,
            "encoding": declared.encoding,
        }
    )


def _calibrations(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _emitter(transceiver, "CALIBRATIONS?")
    _no_arguments(arguments)
    return _json(transceiver.world.calibrations_s(transceiver.name, now_ns).tolist())


def _detectors(transceiver: SimulatedTransceiver, arguments: list[str], _now_ns: int) -> str:
    declared = _receiver(transceiver, "DETECTORS?")
    _no_arguments(arguments)
    return ",".join(declared.detectors)


def _counters(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _receiver(transceiver, "COUNTERS?")
    _no_arguments(arguments)
    if transceiver.level == "L0":
        raise Refusal.unsupported("COUNTERS?")
    counters = transceiver.world.counters(transceiver.name, now_ns)
    told: dict[str, object] = {"counts": counters.counts, "live_ns": round(counters.live_s * 1e9)}
    if bits := int(transceiver.world.injected(transceiver.name, "counter_bits")):
        told |= {"counts": [count % (1 << bits) for count in counters.counts], "bits": bits}
    return _json(told)


def _temperature(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _receiver(transceiver, "TEMP?")
    _no_arguments(arguments)
    return f"{transceiver.world.stage_temperature_c(transceiver.name, now_ns):.2f}"


def _bias(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _receiver(transceiver, "BIAS")
    transceiver.world.set_biased(transceiver.name, now_ns, biased=_on_or_off(arguments))
    return "OK"


def _is_biased(transceiver: SimulatedTransceiver, arguments: list[str], _now_ns: int) -> str:
    _receiver(transceiver, "BIAS?")
    _no_arguments(arguments)
    return "ON" if transceiver.world.biased(transceiver.name) else "OFF"


def _block(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _receiver(transceiver, "BLOCK")
    transceiver.needs_raw_data("BLOCK")
    world, name = transceiver.world, transceiver.name
    if arguments == ["START"]:
        if world.block_running(name):
            raise Refusal(20, "block already running")
        first, tick = world.start_block(name, now_ns), world.clock_tick(name, now_ns)
        return f"OK {first if tick is None else tick}"
    if arguments == ["STOP"]:
        if not world.block_running(name):
            raise Refusal(21, "no block running")
        block = deliverable(world.stop_block(name, now_ns))
        live_ns = round(block.live_s * 1e9)
        if (tags := world.last_tags(name)) is not None:
            return f"OK {tags.sequence} {tags.first} {tags.end} {tags.ticks.size} {tags.lost} {live_ns}"
        return f"OK {block.sequence} {block.first} {block.end} {block.index.size} {block.lost} {live_ns}"
    raise Refusal.bad_argument("expected START or STOP")


def _timing(transceiver: SimulatedTransceiver, arguments: list[str], _now_ns: int) -> str:
    declared = _receiver(transceiver, "TIMING?")
    _no_arguments(arguments)
    if declared.timing == "indices":
        return "INDICES"
    tick_s = Fraction(repr(declared.tick_s))
    return f"TAGS {tick_s.numerator}/{tick_s.denominator}"


def _history(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _receiver(transceiver, "HISTORY?")
    try:
        from_s, to_s = (float(argument) for argument in arguments)
    except ValueError:
        raise Refusal.bad_argument("expected two times in seconds") from None
    if not (isfinite(from_s) and isfinite(to_s) and 0.0 <= from_s <= to_s):
        raise Refusal.bad_argument("expected two times in seconds, 0 <= from <= to")
    log = transceiver.world.history(transceiver.name, from_s, to_s, now_ns)
    return _json(
        {
            "time_s": log.time_s.tolist(),
            "counts_hz": [round(value, 3) for value in log.counts_hz.tolist()],
            "qber_ratio": [None if isnan(value) else round(value, 6) for value in log.qber_ratio.tolist()],
            "temperature_c": [round(value, 3) for value in log.temperature_c.tolist()],
            "up": [int(value) for value in log.up.tolist()],
        }
    )


def _telemetry(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _no_arguments(arguments)
    _black_box(transceiver, "TELEMETRY?")
    try:
        figures = transceiver.world.telemetry(transceiver.name, now_ns)
    except UsageError:
        raise Refusal.unsupported("TELEMETRY? without a link") from None
    return _json(
        {
            "qber_ratio": figures.qber_ratio,
            "key_rate_bps": figures.key_rate_bps,
            "sifted_bits": figures.sifted_bits,
            "counts_hz": figures.counts_hz,
            "temperature_c": round(transceiver.world.stage_temperature_c(transceiver.name, now_ns), 2),
        }
    )


def _keys(transceiver: SimulatedTransceiver, arguments: list[str], now_ns: int) -> str:
    _no_arguments(arguments)
    _black_box(transceiver, "KEYS?")
    try:
        keys = transceiver.world.take_keys(transceiver.name, now_ns)
    except UsageError:
        raise Refusal.unsupported("KEYS? without a link") from None
    return _json([(key_id, base64.b64encode(key).decode()) for key_id, key in keys])


def _black_box(transceiver: SimulatedTransceiver, what: str) -> None:
    if transceiver.level != "L0":
        raise Refusal.unsupported(what)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


_COMMANDS: dict[str, Callable[[SimulatedTransceiver, list[str], int], str]] = {
    "*IDN?": _identity,
    "ROLE?": _role,
    "LEVEL?": _level,
    "TIME?": _time,
    "DATE?": _date,
    "PARK": _park,
    "EMIT": _emit,
    "EMIT?": _is_emitting,
    "PULSE?": _pulse,
    "SOURCE?": _source,
    "CALIBRATIONS?": _calibrations,
    "DETECTORS?": _detectors,
    "COUNTERS?": _counters,
    "TEMP?": _temperature,
    "BIAS": _bias,
    "BIAS?": _is_biased,
    "BLOCK": _block,
    "TIMING?": _timing,
    "HISTORY?": _history,
    "TELEMETRY?": _telemetry,
    "KEYS?": _keys,
}
