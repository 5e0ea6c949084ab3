"""What emits in the reference protocol: light on and off, pulse index, calibrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hil.drivers._setting import move
from hil.drivers._transceiver import Transceiver
from hil.errors import InstrumentError

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ReferenceEmitter"]


class ReferenceEmitter(Transceiver):
    """A transmitter or a pair source; parked, it emits nothing."""

    def park(self) -> None:
        """Stop emitting, and see that it did."""
        self._control.order("PARK", idempotent=True)
        if self.emitting():
            raise InstrumentError(self.name, "still emits after PARK; switch it off by hand")

    def emitting(self) -> bool:
        """Whether light leaves it."""
        return self._control.switched_on("EMIT?")

    def set_emitting(self, *, emitting: bool) -> None:
        """Start or stop emitting. Only stopping is ever repeated after a transport error."""

        def write() -> None:
            self._control.order("EMIT ON" if emitting else "EMIT OFF", idempotent=not emitting)

        self._settings.before_move("emitting", float(emitting))
        move(
            self._settings,
            setting="emitting",
            value=float(emitting),
            write=write,
            read=lambda: float(self.emitting()),
            settle_s=self.capabilities.settle_s,
            tolerance=0,
        )

    def pulse_index(self) -> int:
        """Index of the pulse leaving now."""
        return self._control.integer("PULSE?")

    def calibrations_s(self) -> npt.NDArray[np.float64]:
        """Seconds since its power-up at which it calibrated itself."""
        return np.array(self._control.json("CALIBRATIONS?", list[float]), dtype=np.float64)
