"""Toxics as toxiproxy's HTTP interface writes them: milliseconds, kilobytes a second, sizes in bytes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from hil.errors import UsageError
from hil.transports.fault_proxy.toxics import TOXICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hil.transports.fault_proxy.toxics import Toxic

__all__ = ["attributes", "from_attributes"]

_MS, _US, _KB = 1e-3, 1e-6, 1e3

_WIRE: Mapping[str, Mapping[str, tuple[str, float]]] = {
    "bandwidth": {"rate": ("rate_bytes_per_s", _KB)},
    "corrupt": {"rate": ("bit_error_ratio", 1)},
    "latency": {"latency": ("latency_s", _MS), "jitter": ("jitter_s", _MS)},
    "limit_data": {"bytes": ("limit_bytes", 1)},
    "loss": {"loss": ("loss_ratio", 1), "retransmit": ("retransmit_s", _MS)},
    "reflect": {"ratio": ("reflect_ratio", 1)},
    "reorder": {"ratio": ("reorder_ratio", 1), "hold": ("hold_s", _MS)},
    "replay": {"ratio": ("replay_ratio", 1)},
    "reset_peer": {"timeout": ("timeout_s", _MS)},
    "slicer": {"average_size": ("average_bytes", 1), "size_variation": ("variation_bytes", 1), "delay": ("delay_s", _US)},
    "slow_close": {"delay": ("delay_s", _MS)},
    "stall": {},
    "timeout": {"timeout": ("timeout_s", _MS)},
}
"""By type and attribute: the setting of the toxic, and how many of its units one of the attribute's are."""


def attributes(toxic: Toxic) -> dict[str, float]:
    """Its settings as the HTTP interface writes them."""
    return {name: _tidy(getattr(toxic, field) / factor) for name, (field, factor) in _WIRE[toxic.type].items()}


def from_attributes(kind: str, given: Mapping[str, Any], present: Toxic | None = None) -> Toxic:
    """The toxic of that type; what is not given stays as in ``present``. UsageError for what it does not know."""
    if kind not in TOXICS:
        raise UsageError(f"no toxic {kind!r}; expected one of {', '.join(TOXICS)}")
    known = _WIRE[kind]
    values: dict[str, Any] = dataclasses.asdict(present) if present is not None else {}
    for name, value in given.items():
        if name not in known or isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"toxic {kind}: attribute {name!r} = {value!r}; expected numbers for {', '.join(known) or 'none'}")
        field, factor = known[name]
        values[field] = value * factor
    try:
        made: Toxic = TOXICS[kind](**values)
    except TypeError:
        raise UsageError(f"toxic {kind}: attributes are missing; expected {', '.join(known)}") from None
    return made


def _tidy(value: float) -> float:
    """Without what a factor of a thousand leaves in the last digit."""
    rounded = round(value, 9)
    return int(rounded) if rounded == int(rounded) else rounded
