"""The toxics of one direction of one connection, one behind the other; pure, told the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hil.transports.fault_proxy.piece import Mark
from hil.transports.fault_proxy.stage import NEVER_NS

if TYPE_CHECKING:
    from hil.transports.fault_proxy.piece import Piece
    from hil.transports.fault_proxy.stage import Stage

__all__ = ["Chain"]


class Chain:
    """Pieces go in at :meth:`push` and come out of :meth:`advance` when they are due; stages come and go in between.

    Events keep their exact times from stage to stage, however late :meth:`advance` is called.
    """

    def __init__(self) -> None:
        self._stages: dict[str, Stage] = {}
        self._out: list[Piece] = []

    @property
    def empty(self) -> bool:
        """Whether nothing acts and nothing waits."""
        return not self._stages and not self._out

    @property
    def queued_bytes(self) -> int:
        """Bytes on their way."""
        return sum(stage.queued_bytes for stage in self._stages.values()) + sum(len(piece.data) for piece in self._out)

    @property
    def ready_ns(self) -> int:
        """From when on more should be read from the sender."""
        return max((stage.ready_ns for stage in self._stages.values()), default=0)

    @property
    def next_due_ns(self) -> int:
        """When :meth:`advance` has something to do."""
        return min((stage.next_due_ns for stage in self._stages.values()), default=NEVER_NS)

    def add(self, name: str, stage: Stage, now_ns: int) -> None:
        """Put a stage at the end: what is on its way meets it, what came out does not."""
        self._stages[name] = stage
        stage.start(now_ns)

    def remove(self, name: str, now_ns: int) -> None:
        """Take a stage away; what it held goes on in order, before all that comes later. Unknown names are ignored."""
        if name not in self._stages:
            return
        names = list(self._stages)
        position = names.index(name)
        held = self._stages[name].flush(now_ns)
        del self._stages[name]
        after = names[position + 1 :]
        for piece in held:
            self._enter(after, now_ns, piece)

    def push(self, at_ns: int, piece: Piece) -> None:
        """Take a piece from the sender."""
        self._enter(list(self._stages), at_ns, piece)

    def advance(self, now_ns: int) -> list[Piece]:
        """What reaches the other end by now."""
        names = list(self._stages)
        for number, name in enumerate(names):
            for due_ns, piece in self._stages[name].take(now_ns):
                self._enter(names[number + 1 :], due_ns, piece)
        out, self._out = self._out, []
        return out

    def _enter(self, names: list[str], at_ns: int, piece: Piece) -> None:
        """Hand it to the first of these stages; what goes back has left the stream, and a reset waits for nobody."""
        if names and not piece.back and piece.mark is not Mark.RESET:
            self._stages[names[0]].accept(at_ns, piece)
        else:
            self._out.append(piece)
