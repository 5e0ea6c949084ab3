"""A transceiver restarts: it is gone for as long as the fault is in, and comes back dark, without the block that was under way.

A run waits for it, discards the block with that reason, gives it its bias or light back, and goes on; blocks that are still
being distilled end without key where they need what the device knows, and keys in doubt are settled by the next one. Seen in
that the device does not answer, and afterwards in that its own clock began anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.errors import DeviceError, MissingCapabilityError
from hil.ports.spec import FaultSpec, Finding, Move, Span, Undo

if TYPE_CHECKING:
    from hil.ports.spec import FaultBench, Readings

__all__ = ["SPEC", "RebootMidBlock"]

_POWER = "power_on"
_PATIENCE_S = 30.0
"""Until it must answer again: embedded systems boot in seconds to half a minute."""


@dataclass(frozen=True)
class RebootMidBlock:
    """It is gone for as long as the fault is in (``duration``): there are no settings."""


def _plan(bench: FaultBench, target: str, _settings: RebootMidBlock) -> tuple[Undo, ...]:
    try:
        return (Undo(target, _POWER, bench.read(target, _POWER)),)
    except MissingCapabilityError as error:
        raise MissingCapabilityError(
            f"reboot_mid_block: {target} is real, and no command makes it restart: it would take a power outlet for it"
            " alone, and a device that bears it. Run it on the twin (--hil-simulate)"
        ) from error


def _moves(_bench: FaultBench, target: str, _settings: RebootMidBlock, _stood: tuple[Undo, ...]) -> tuple[Move, ...]:
    return (Move(target, _POWER, 0.0),)


def _read(bench: FaultBench, target: str, _settings: RebootMidBlock) -> Readings:
    now_s = bench.clock.now_ns() / 1e9
    try:
        return {"answers": 1.0, "uptime_s": bench.read(target, "uptime_s"), "now_s": now_s}
    except DeviceError:
        return {"answers": 0.0, "uptime_s": 0.0, "now_s": now_s}


def _shown(_bench: FaultBench, target: str, _settings: RebootMidBlock, before: Span, during: Span) -> Finding:
    words = f"{target} was up for {before.last['uptime_s']:.1f} s and "
    words += "answers" if during.last["answers"] else "answers 0 of 1 questions"
    return Finding(before.last["answers"] == 1.0 and during.last["answers"] == 0.0, words)


def _healed(_bench: FaultBench, target: str, _settings: RebootMidBlock, during: Span, after: Span) -> Finding:
    gone_s, up_s = after.last["now_s"] - during.first["now_s"], after.last["uptime_s"]
    words = f"{target} answers {after.last['answers']:.0f} of 1 questions, and is up for {up_s:.1f} s"
    return Finding(after.last["answers"] == 1.0 and up_s <= gone_s, words)


SPEC = FaultSpec(
    name="reboot-mid-block",
    title="A transceiver restarts in the middle of a block (twins only)",
    settings=RebootMidBlock,
    zero="It has no settings, so nothing can be zero: a device restarts or it does not.",
    target_role="transceiver",
    acts_on="the power of a transceiver's twin",
    plan=_plan,
    moves=_moves,
    read=_read,
    shown=_shown,
    healed=_healed,
    patience_s=lambda _bench, _target: _PATIENCE_S,
    look_s=0.05,
)
