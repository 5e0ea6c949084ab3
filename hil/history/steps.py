"""One step in the life of keys, and the list of all of them: what happened, when, to which keys, never a bit of a key.

The manner is Jepsen's: whoever acts writes down what came of it (``ok``, ``fail``, or ``info`` where nobody can know), and
checkers judge the whole list afterwards.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from hil.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["History", "Step", "StepName"]

StepName = Literal[
    "sifted", "reconciled", "amplified", "aborted", "in-doubt", "released", "stored", "enc", "dec", "destroyed", "drained"
]
"""Of a block: sifted to amplified, or aborted, or in doubt. Of its keys: released by one end; stored by both key management
entities; handed to the application that asked first (enc) and to its peer (dec); destroyed (asked for again, and refused).
``drained``: everything that was stored was asked for."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened at bench time ``time_s``.

    ``side`` is the end that says so (``a`` or ``b``); ``block`` the block's sequence number. ``digests`` are SHA-256: one for
    each of ``key_ids``, in their order, or one for all of them. ``keys`` counts keys that were asked for without an answer.
    """

    time_s: float
    step: StepName
    outcome: Literal["ok", "fail", "info"] = "ok"
    side: Literal["", "a", "b"] = ""
    block: int | None = None
    bits: int = 0
    allowed_bits: int | None = None
    key_ids: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    keys: int = 0
    why: str = ""

    def __post_init__(self) -> None:
        """UsageError for a digest that is none: it might be key material."""
        if not all(_DIGEST.fullmatch(digest) for digest in self.digests):
            raise UsageError(f"step {self.step}: a key is told by its SHA-256 (64 hexadecimal digits) or not at all")


class History:
    """Steps in the order in which they were noted."""

    def __init__(self, steps: tuple[Step, ...] = ()) -> None:
        self._steps = list(steps)

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def note(self, step: Step) -> None:
        """Append one."""
        self._steps.append(step)

    def save(self, path: Path) -> Path:
        """Write a line of JSON for each step."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(msgspec.json.encode(step) + b"\n" for step in self._steps))
        return path

    @classmethod
    def read(cls, path: Path) -> History:
        """What :meth:`save` wrote; UsageError for a file that is none."""
        try:
            lines = path.read_bytes().splitlines()
            return cls(tuple(msgspec.json.decode(line, type=Step) for line in lines))
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({error.strerror}); expected the history of a game day") from None
        except msgspec.DecodeError as error:
            raise UsageError(f"{path}: is no history of keys ({error}); expected a line of JSON for each step") from None
