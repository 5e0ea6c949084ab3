"""What the bench shows of one fault: what it read before, while the fault was in, and since it was taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.ports.spec import Finding, Span

if TYPE_CHECKING:
    from hil.ports.spec import FaultSpec, Readings
    from hil.testbed.injection.chaos import Chaos

__all__ = ["Evidence"]


class Evidence:
    """The looks at one fault. It is judged by the stretch before it was commanded against the one since, and so is healing."""

    def __init__(self, spec: FaultSpec, chaos: Chaos, target: str, settings: Any) -> None:
        self._spec = spec
        self._chaos = chaos
        self._target = target
        self._settings = settings
        self._seen = settings
        self._first: Readings | None = None
        self._last: Readings | None = None
        self._before: Span | None = None
        self._since: Readings = {}
        self._during: Span | None = None

    def read(self) -> Readings:
        """What the fault shows in, as it is now."""
        return self._spec.read(self._chaos.bench, self._target, self._settings)

    @property
    def begun(self) -> bool:
        """Whether the look that comes before moving something has begun."""
        return self._first is not None

    def begin(self) -> None:
        """Begin the look that comes before moving something."""
        self._first = self.read()

    def end(self) -> None:
        """End it in good time, where looking takes bench time itself; without that it ends when something is moved."""
        self._last = self.read()

    def commanded(self) -> None:
        """The fault is about to be commanded: what was looked at is how the bench was without it."""
        last = self._last or self.read()
        self._before = Span(self._first or last, last)
        self._since, self._first, self._last = last, None, None

    def healing(self) -> None:
        """The fault is about to be taken back: what was looked at is how the bench was with it."""
        self._during = Span(self._first or {}, self.read())

    def moved(self) -> None:
        """Something was moved: what is looked at begins now; should this look fail, with the next one."""
        self._since, self._first = {}, None
        self._since = self.read()

    def followed(self) -> None:
        """The fault is at another level, and still to be seen: what is looked at begins now."""
        self._since = self.read()

    def since(self, now: Readings) -> Span | None:
        """From the last move to these readings; None where the look after the move failed, and these stand for it."""
        if not self._since:
            self._since = now
            return None
        return Span(self._since, now)

    def shown(self, settings: Any, span: Span) -> Finding:
        """Whether this stretch shows the fault, which has these settings at its present level."""
        assert self._before is not None
        self._seen = settings
        finding = self._spec.shown(self._chaos.bench, self._target, settings, self._before, span)
        if finding.shown:
            self._during = span  # until there is a later one
        return finding

    def healed(self, span: Span) -> Finding:
        """Whether this stretch shows the fault gone, which is judged by the settings at which it was seen."""
        assert self._during is not None
        return self._spec.healed(self._chaos.bench, self._target, self._seen, self._during, span)
