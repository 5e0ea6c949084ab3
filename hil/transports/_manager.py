"""One pyvisa resource manager per library and process: closing one of two would close the sessions of both."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyvisa import ResourceManager

__all__ = ["shared"]

_lock = threading.Lock()
_held: dict[str, tuple[ResourceManager, int]] = {}


@contextmanager
def shared(library: str) -> Iterator[ResourceManager]:
    """The process's manager of this library; the last one out closes it."""
    import pyvisa

    with _lock:
        manager, users = _held.get(library) or (pyvisa.ResourceManager(library), 0)
        _held[library] = (manager, users + 1)
    try:
        yield manager
    finally:
        with _lock:
            manager, users = _held.pop(library)
            if users > 1:
                _held[library] = (manager, users - 1)
            else:
                manager.close()
