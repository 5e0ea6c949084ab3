"""What can be set of a classical channel, and the toxics that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.transports.fault_proxy import (
    Bandwidth,
    Corrupt,
    Latency,
    Loss,
    Reflect,
    Reorder,
    Replay,
    ResetPeer,
    Slicer,
    Stall,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.transports.fault_proxy import Toxic
    from hil.transports.fault_proxy.connection import Direction

__all__ = ["CERTIFICATES", "CLASSICAL_SETTINGS", "KME_SETTINGS", "toxics_of"]

CLASSICAL_SETTINGS = (
    "latency_s",
    "jitter_s",
    "loss_ratio",
    "retransmit_s",
    "rate_bps",
    "cut_a_to_b",
    "cut_b_to_a",
    "reset",
    "slice_bytes",
    "slice_delay_s",
    "bit_error_ratio",
    "replay_ratio",
    "reorder_a_to_b",
    "reorder_b_to_a",
    "reflect_ratio",
)
"""By these names a fault moves it; zero of each leaves the channel as it is. ``a`` is the side that calls."""

CERTIFICATES = ("certificate_expired", "wrong_peer")
"""What the twin of a key management entity may show in place of its own."""

KME_SETTINGS = ("kme_down", "kme_delay_s", "kme_fill_ratio", "kme_rate_hz", "kme_clock_offset_s")
"""What may be wrong with the entity at the end of the channel; the first two can be had in front of any, by its proxies."""

_BITS = 8.0


def toxics_of(settings: Mapping[str, float]) -> list[tuple[str, Toxic, Direction | None]]:
    """Name, toxic and direction (None: both) of everything that is not zero, in the order in which bytes meet them."""
    latency_s, jitter_s = settings["latency_s"], settings["jitter_s"]
    wanted: list[tuple[str, bool, Toxic, Direction | None]] = [
        ("loss", settings["loss_ratio"] > 0.0, Loss(settings["loss_ratio"], settings["retransmit_s"]), None),
        ("corrupt", settings["bit_error_ratio"] > 0.0, Corrupt(settings["bit_error_ratio"]), None),
        ("replay", settings["replay_ratio"] > 0.0, Replay(settings["replay_ratio"]), None),
        ("reorder_a_to_b", settings["reorder_a_to_b"] > 0.0, Reorder(settings["reorder_a_to_b"]), "upstream"),
        ("reorder_b_to_a", settings["reorder_b_to_a"] > 0.0, Reorder(settings["reorder_b_to_a"]), "downstream"),
        ("reflect", settings["reflect_ratio"] > 0.0, Reflect(settings["reflect_ratio"]), None),
        (
            "slicer",
            settings["slice_bytes"] > 0.0,
            Slicer(max(int(settings["slice_bytes"]), 1), delay_s=settings["slice_delay_s"]),
            None,
        ),
        ("bandwidth", settings["rate_bps"] > 0.0, Bandwidth(max(settings["rate_bps"], 1.0) / _BITS), None),
        ("latency", latency_s > 0.0 or jitter_s > 0.0, Latency(latency_s, jitter_s), None),
        ("kme_delay", settings.get("kme_delay_s", 0.0) > 0.0, Latency(settings.get("kme_delay_s", 0.0)), "downstream"),
        ("cut_a_to_b", settings["cut_a_to_b"] > 0.0, Stall(), "upstream"),
        ("cut_b_to_a", settings["cut_b_to_a"] > 0.0, Stall(), "downstream"),
        ("reset", settings["reset"] > 0.0, ResetPeer(), "upstream"),
    ]
    return [(name, toxic, direction) for name, is_set, toxic, direction in wanted if is_set]
