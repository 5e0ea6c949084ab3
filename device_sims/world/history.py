"""A receiver's own one-minute log, in closed form."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING

import numpy as np

from hil.ports.detections import ReceiverHistory
from hil.seeds import derive

from .cells import cells, expectations
from .wander import normals

if TYPE_CHECKING:
    import numpy.typing as npt

    from .scene import Scene

__all__ = ["history"]

_MINUTE_NS = 60_000_000_000
_MOST_COMPARED = 100_000.0


def history(scene: Scene, seed: int, interval_s: tuple[float, float], now_ns: int, qber_limit: float) -> ReceiverHistory:
    """One row for each whole minute that ended in (from, to] and is over by now.

    A minute is ``up`` when key could be made in more than half of it. The QBER is that of up to 100,000 compared bits of the
    minute; nan when the light gave less clicks than the dark.
    """
    from_s, to_s = interval_s
    first = max(floor(from_s / 60.0), 0)
    last = min(floor(to_s / 60.0), now_ns // _MINUTE_NS)
    rows = max(last - first, 0)
    if rows == 0:
        nothing = np.empty(0)
        return ReceiverHistory(nothing, nothing, nothing, nothing, np.empty(0, dtype=np.bool_))
    pieces = cells(scene, first * _MINUTE_NS, last * _MINUTE_NS, _MINUTE_NS)
    found, which = expectations(scene, pieces, _MINUTE_NS, qber_limit)
    weight = pieces.duration_s / 60.0
    row = pieces.cell - first

    def per_minute(values: list[float]) -> npt.NDArray[np.float64]:
        weighted = weight * np.array(values)[which]
        return np.bincount(row, weights=weighted, minlength=rows).astype(np.float64, copy=False)

    rate_hz = scene.pulses.rate_hz
    clicks = per_minute([float(part.clicks.sum()) for part in found])
    variance = per_minute([float((part.clicks * part.fano).sum()) for part in found])
    signal = per_minute([part.signal for part in found])
    sifted = per_minute([part.sifted for part in found])
    wrong = per_minute([0.0 if part.sifted == 0.0 else part.sifted * part.qber for part in found])
    up = per_minute([float(part.key > 0.0) for part in found])
    minutes = np.arange(first + 1, last + 1, dtype=np.int64)
    noise = normals(minutes, derive(seed, "history", scene.receiver.name))
    pulses = rate_hz * 60.0
    counts = np.maximum(np.round(clicks * pulses + noise[0] * np.sqrt(variance * pulses)), 0.0)
    lit = (signal > clicks - signal) & (sifted * pulses >= 1.0)
    compared = np.maximum(np.minimum(np.floor(sifted * pulses), _MOST_COMPARED), 1.0)
    ratio = np.divide(wrong, sifted, out=np.zeros(rows), where=sifted > 0.0)
    errors = np.round(ratio * compared + noise[1] * np.sqrt(ratio * (1.0 - ratio) * compared))
    qber = np.where(lit, np.clip(errors / compared, 0.0, 1.0), np.nan)
    times_ns = (minutes * _MINUTE_NS).astype(np.float64)
    temperature_c = scene.temperatures_c(times_ns)
    return ReceiverHistory(minutes.astype(np.float64) * 60.0, counts / 60.0, qber, temperature_c, up > 0.5)
