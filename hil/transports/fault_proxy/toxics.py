"""The toxics by name: toxiproxy's vocabulary, and what a channel between two QKD parties has to withstand besides.

Each is a frozen record of settings, with their units in their names; :func:`stage_of` puts one to work.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hil.errors import UsageError
from hil.transports.fault_proxy import damage, ending, timing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hil.transports.fault_proxy.stage import Draws, Stage

__all__ = [
    "TOXICS",
    "Bandwidth",
    "Corrupt",
    "Latency",
    "LimitData",
    "Loss",
    "Reflect",
    "Reorder",
    "Replay",
    "ResetPeer",
    "Slicer",
    "SlowClose",
    "Stall",
    "Timeout",
    "Toxic",
    "stage_of",
]


@dataclass(frozen=True)
class Toxic:
    """One kind of damage with its settings; UsageError for a setting that is negative, or for no ratio from 0 to 1."""

    type: ClassVar[str] = ""
    above_zero: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        for info in dataclasses.fields(self):
            value, ratio = getattr(self, info.name), info.name.endswith("_ratio")
            good = math.isfinite(value) and (value > 0 if info.name in self.above_zero else value >= 0)
            if not good or (ratio and value > 1.0):
                form = "from 0 to 1" if ratio else "above zero" if info.name in self.above_zero else "of zero or more"
                raise UsageError(f"toxic {self.type}: {info.name} = {value!r}; expected a number {form}")


@dataclass(frozen=True)
class Latency(Toxic):
    """Everything arrives ``latency_s`` later, give or take ``jitter_s`` (uniform), in order, at undiminished throughput."""

    latency_s: float
    jitter_s: float = 0.0
    type: ClassVar[str] = "latency"


@dataclass(frozen=True)
class Bandwidth(Toxic):
    """At most ``rate_bytes_per_s`` pass, evenly paced, for each connection."""

    rate_bytes_per_s: float
    type: ClassVar[str] = "bandwidth"
    above_zero: ClassVar[frozenset[str]] = frozenset({"rate_bytes_per_s"})


@dataclass(frozen=True)
class Slicer(Toxic):
    """Bytes come in slices of ``average_bytes``, give or take ``variation_bytes``, ``delay_s`` apart."""

    average_bytes: int
    variation_bytes: int = 0
    delay_s: float = 0.0
    type: ClassVar[str] = "slicer"
    above_zero: ClassVar[frozenset[str]] = frozenset({"average_bytes"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variation_bytes >= self.average_bytes:
            raise UsageError(
                f"toxic slicer: variation_bytes = {self.variation_bytes}; expected less than average_bytes,"
                f" {self.average_bytes}"
            )


@dataclass(frozen=True)
class SlowClose(Toxic):
    """The end of the stream arrives ``delay_s`` late."""

    delay_s: float
    type: ClassVar[str] = "slow_close"


@dataclass(frozen=True)
class Stall(Toxic):
    """A partition as TCP shows it: nothing arrives and nothing is lost; it all arrives once the toxic is gone."""

    type: ClassVar[str] = "stall"


@dataclass(frozen=True)
class Timeout(Toxic):
    """Everything is thrown away; after ``timeout_s`` the connection is closed (zero: not before the toxic is gone)."""

    timeout_s: float
    type: ClassVar[str] = "timeout"


@dataclass(frozen=True)
class ResetPeer(Toxic):
    """Both sides get a TCP reset ``timeout_s`` after the toxic met the connection; bytes pass until then."""

    timeout_s: float = 0.0
    type: ClassVar[str] = "reset_peer"


@dataclass(frozen=True)
class LimitData(Toxic):
    """The connection is closed once ``limit_bytes`` have passed."""

    limit_bytes: int
    type: ClassVar[str] = "limit_data"


@dataclass(frozen=True)
class Loss(Toxic):
    """A unit is lost with probability ``loss_ratio``: for good, or, with ``retransmit_s``, it and all behind it come that late.

    TCP itself never loses bytes: a lost packet shows as a stall of a retransmission timeout (RFC 6298, 2.1: 1 s at first),
    which is what ``retransmit_s`` is. A loss for good is one of a relay, or of a party that drops messages.
    """

    loss_ratio: float
    retransmit_s: float = 0.0
    type: ClassVar[str] = "loss"


@dataclass(frozen=True)
class Corrupt(Toxic):
    """Bits are flipped, each with probability ``bit_error_ratio``; the length in front of a message is spared."""

    bit_error_ratio: float
    type: ClassVar[str] = "corrupt"


@dataclass(frozen=True)
class Replay(Toxic):
    """A unit arrives twice with probability ``replay_ratio``."""

    replay_ratio: float
    type: ClassVar[str] = "replay"


@dataclass(frozen=True)
class Reorder(Toxic):
    """A unit lets the next one pass with probability ``reorder_ratio``; where none comes for ``hold_s``, it goes on alone."""

    reorder_ratio: float
    hold_s: float = 1.0
    type: ClassVar[str] = "reorder"


@dataclass(frozen=True)
class Reflect(Toxic):
    """The sender of a unit gets a copy of it back with probability ``reflect_ratio``; the unit itself goes on."""

    reflect_ratio: float
    type: ClassVar[str] = "reflect"


TOXICS: Mapping[str, type[Toxic]] = {kind.type: kind for kind in Toxic.__subclasses__()}
"""Every toxic by the name of its type."""


_STAGES: Mapping[type[Toxic], Callable[[Any, Draws, int], Stage]] = {
    Bandwidth: lambda toxic, _draws, _header: timing.BandwidthStage(toxic.rate_bytes_per_s),
    Corrupt: lambda toxic, draws, header: damage.CorruptStage(toxic.bit_error_ratio, header, draws),
    Latency: lambda toxic, draws, _header: timing.LatencyStage(toxic.latency_s, toxic.jitter_s, draws),
    LimitData: lambda toxic, _draws, _header: ending.LimitStage(toxic.limit_bytes),
    Loss: lambda toxic, draws, _header: damage.LossStage(toxic.loss_ratio, toxic.retransmit_s, draws),
    Reflect: lambda toxic, draws, _header: damage.ReflectStage(toxic.reflect_ratio, draws),
    Reorder: lambda toxic, draws, _header: damage.ReorderStage(toxic.reorder_ratio, toxic.hold_s, draws),
    Replay: lambda toxic, draws, _header: damage.ReplayStage(toxic.replay_ratio, draws),
    ResetPeer: lambda toxic, _draws, _header: ending.ResetStage(toxic.timeout_s),
    Slicer: lambda toxic, draws, _header: timing.SlicerStage(toxic.average_bytes, toxic.variation_bytes, toxic.delay_s, draws),
    SlowClose: lambda toxic, _draws, _header: timing.SlowCloseStage(toxic.delay_s),
    Stall: lambda _toxic, _draws, _header: timing.StallStage(),
    Timeout: lambda toxic, _draws, _header: ending.TimeoutStage(toxic.timeout_s),
}


def stage_of(toxic: Toxic, draws: Draws, header_bytes: int = 0) -> Stage:
    """The toxic at work on one direction of one connection; ``header_bytes`` of each unit are framing, never corrupted."""
    return _STAGES[type(toxic)](toxic, draws, header_bytes)
