"""What a black-box link shows: keys, and the telemetry of the last whole second.

Key number n of a link is a function of (seed, link, n), so both ends have it; how many there are at a time follows in closed
form from the bench's true state.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from hil.seeds import derive, stream

from .cells import cells, expectations

if TYPE_CHECKING:
    from .scene import Scene

__all__ = ["KEY_BITS", "BlackBox", "Telemetry"]

KEY_BITS = 256
MOST_KEYS = 1 << 20
"""Keys a device holds for its reader; the oldest of more are gone."""
_CHUNK = 1024
_SECOND_NS = 1_000_000_000
_DAY_NS = 86_400 * _SECOND_NS
_COMPARED_SHARE = 0.1


@dataclass(frozen=True)
class Telemetry:
    """Figures of one second: ``sifted_bits`` were compared for ``qber_ratio`` (None when there were none)."""

    qber_ratio: float | None
    key_rate_bps: float
    sifted_bits: int
    counts_hz: float


class BlackBox:
    """The hidden distillation of one link; both of its ends read from it."""

    def __init__(self, scene: Scene, seed: int, link: str, qber_limit: float) -> None:
        self._scene = scene
        self._seed = seed
        self._link = link
        self._qber_limit = qber_limit
        self._settled_ns = 0
        self._settled_millibits = 0
        self._taken: dict[str, int] = {}
        self._fed: dict[str, int] = {}

    def take_keys(self, device: str, now_ns: int) -> list[tuple[str, bytes]]:
        """Keys made since this device was asked last, with their IDs (UUIDs, as ETSI GS QKD 014 wants them)."""
        made = self.made(now_ns)
        first = max(self._taken.get(device, 0), made - MOST_KEYS)
        self._taken[device] = made
        return self._keys(first, made)

    def keys_for_kme(self, device: str, most: int, now_ns: int) -> list[tuple[str, bytes]]:
        """The oldest keys, at most so many, that this device has not given its KME yet; none is ever passed over."""
        first = self._fed.get(device, 0)
        self._fed[device] = max(first, min(first + most, self.made(now_ns)))
        return self._keys(first, self._fed[device])

    def made(self, now_ns: int) -> int:
        """How many keys were made by now."""
        whole_ns = now_ns - now_ns % _SECOND_NS
        while self._settled_ns < whole_ns:
            until_ns = min(self._settled_ns + _DAY_NS, whole_ns)
            self._settled_millibits += self._millibits(self._settled_ns, until_ns)
            self._settled_ns = until_ns
        return (self._settled_millibits + self._millibits(whole_ns, now_ns)) // (1000 * KEY_BITS)

    def telemetry(self, now_ns: int) -> Telemetry:
        """Figures of the last whole second."""
        end_ns = now_ns - now_ns % _SECOND_NS
        if end_ns == 0:
            return Telemetry(None, 0.0, 0, 0.0)
        start_ns = end_ns - _SECOND_NS
        pieces = cells(self._scene, start_ns, end_ns, _SECOND_NS)
        found, which = expectations(self._scene, pieces, _SECOND_NS, self._qber_limit)
        pulses = pieces.duration_s * self._scene.pulses.rate_hz
        clicks = sum(float(found[kind].clicks.sum()) * count for kind, count in zip(which, pulses, strict=True))
        sifted = sum(found[kind].sifted * count for kind, count in zip(which, pulses, strict=True))
        wrong = sum(
            found[kind].sifted * found[kind].qber * count
            for kind, count in zip(which, pulses, strict=True)
            if found[kind].sifted > 0.0
        )
        rng = stream(self._seed, "telemetry", self._link, end_ns // _SECOND_NS)
        compared = int(rng.poisson(sifted * _COMPARED_SHARE))
        errors = int(rng.binomial(compared, min(wrong / sifted, 1.0))) if compared else 0
        return Telemetry(
            qber_ratio=errors / compared if compared else None,
            key_rate_bps=self._millibits(start_ns, end_ns) / 1000.0,
            sifted_bits=compared,
            counts_hz=float(rng.poisson(clicks)),
        )

    def _millibits(self, from_ns: int, to_ns: int) -> int:
        """Key of a stretch of time, in whole thousandths of a bit, so that sums do not depend on where it was cut."""
        if to_ns <= from_ns:
            return 0
        pieces = cells(self._scene, from_ns, to_ns, _SECOND_NS)
        found, which = expectations(self._scene, pieces, _SECOND_NS, self._qber_limit)
        rate = np.array([part.key for part in found])[which] * self._scene.pulses.rate_hz
        return int(np.floor(rate * pieces.duration_s * 1000.0).astype(np.int64).sum())

    def _keys(self, first: int, end: int) -> list[tuple[str, bytes]]:
        keys: list[tuple[str, bytes]] = []
        for chunk in range(first // _CHUNK, -(-end // _CHUNK)):
            start = chunk * _CHUNK
            keys += self._chunk(chunk)[max(first - start, 0) : end - start]
        return keys

    def _chunk(self, number: int) -> list[tuple[str, bytes]]:
        """The keys ``number * 1024`` onwards."""
        size = KEY_BITS // 8
        bits = hashlib.shake_256(derive(self._seed, "keys", self._link, number).to_bytes(16, "little")).digest(_CHUNK * size)
        names = hashlib.shake_256(derive(self._seed, "key IDs", self._link, number).to_bytes(16, "little")).digest(_CHUNK * 16)
        return [
            (str(UUID(bytes=names[at * 16 : at * 16 + 16], version=4)), bits[at * size : at * size + size])
            for at in range(_CHUNK)
        ]
