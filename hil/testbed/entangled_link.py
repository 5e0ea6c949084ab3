"""An entangled link: a pair source in the middle, a receiver at either end of its two arms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from hil.errors import MissingCapabilityError
from hil.ports.run import BellCounts, VisibilityCounts
from hil.testbed.entangled_session import EntangledSession, declared_pair_source
from hil.testbed.link import Link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil.ports.detections import PairSourceDeclaration
    from hil.ports.roles import PairSource, Receiver, Transmitter
    from hil.ports.run import BlockReport

__all__ = ["EntangledLink"]

_CHSH_SIGNS = (1, -1, 1, 1)
CHSH_LINES = ("CHSH value S", "standard error of S")


class EntangledLink(Link):
    """A BBM92 or E91 link; ``receiver`` is b's, ``receivers`` are b's and a's, and detectors are named ``bob.z0``."""

    _pair_source: PairSourceDeclaration | None = None

    @property
    def transmitter(self) -> Transmitter:
        """MissingCapabilityError: nothing on this link prepares a pulse."""
        raise MissingCapabilityError(f"link {self.name} has no transmitter: its pairs come from {self.declared.source}")

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """B's receiver, and a's."""
        return (self.receiver, cast("Receiver", self._driver(self.declared.parties["a"])))

    def detector_names(self, receiver: Receiver) -> tuple[str, ...]:
        """With the receiver's name before them, as both may call theirs alike."""
        return tuple(f"{receiver.name}.{name}" for name in receiver.detectors)

    @property
    def source(self) -> PairSourceDeclaration:
        """What the pair source says it sends; BenchError where the bench file says otherwise."""
        if self._pair_source is None:
            self._pair_source = declared_pair_source(cast("PairSource", self.emitter), self.testbed.bench)
        return self._pair_source

    def sent_pulses(self) -> None:
        """None: both ends detect."""

    def forget(self) -> None:
        """As of any link."""
        super().forget()
        self._pair_source = None

    def observed(self, blocks: Sequence[BlockReport]) -> dict[str, Any]:
        """Coincidences by basis, of the key basis where correction counted their errors, and pairs of CHSH's settings."""
        corrected = [block for block in blocks if block.key_errors is not None]
        by_basis = {
            "key": (sum(b.sifted_key_bits for b in corrected), sum(b.key_errors or 0 for b in corrected)),
            "test": (sum(b.sifted_test_bits for b in blocks), sum(b.test_errors for b in blocks)),
        }
        measured = [block.chsh for block in blocks if block.chsh]
        by_settings = tuple((sum(n for n, _ in one), sum(wrong for _, wrong in one)) for one in zip(*measured, strict=True))
        return {
            "visibility": VisibilityCounts(self.name, by_basis, self.simulated),
            "bell": BellCounts(self.name, by_settings, _CHSH_SIGNS, self.simulated) if measured else None,
        }

    def block_series(self, blocks: Sequence[BlockReport]) -> dict[str, Any]:
        """S and its standard error, of each block that has them."""
        found: dict[str, tuple[list[float], list[float]]] = {}
        for block in blocks:
            for line in block.ledger:
                if line.what in CHSH_LINES:
                    name = "chsh_ratio" if line.what == CHSH_LINES[0] else "chsh_error_ratio"
                    times_s, values = found.setdefault(name, ([], []))
                    times_s.append((block.start_s + block.end_s) / 2.0)
                    values.append(line.value)
        return {name: (np.array(times_s), np.array(values)) for name, (times_s, values) in found.items()}

    @property
    def _emitter_name(self) -> str:
        return self.declared.source

    def _make_session(self) -> EntangledSession:
        return EntangledSession(self)
