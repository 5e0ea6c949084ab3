"""Loops compiled by numba where it is installed (``pip install qkd-hil[fast]``): how they are made, and a word to who waits.

A module of kernels imports :func:`kernel` and is itself imported late, after :func:`available` said yes; what it speeds up has
a numpy way that gives the same bits.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["available", "cpu_has", "kernel"]

F = TypeVar("F", bound="Callable[..., Any]")


@cache
def available() -> bool:
    """Whether numba is there, without loading it."""
    return find_spec("numba") is not None


@cache
def cpu_has(feature: str) -> bool:
    """Whether this processor has an instruction set by its LLVM name (``"pclmul"``); loads the compiler."""
    from llvmlite import binding

    return bool(binding.get_host_cpu_features().get(feature, False))


def kernel(function: F) -> F:
    """The function compiled at its first call and kept in numba's cache for later runs; it lets other threads run."""
    from numba import njit

    _tell_who_waits()
    return cast("F", njit(cache=True, nogil=True, error_model="numpy")(function))


@cache
def _tell_who_waits() -> None:
    """Say, once a process, that somebody waits for the compiler; numba asks it only for what its cache does not hold."""
    from numba.core import event

    class Notice(event.Listener):  # type: ignore[misc]
        """Hears of compilations."""

        told = False

        def on_start(self, event: object) -> None:
            """The first one is worth a line."""
            del event
            if not Notice.told:
                Notice.told = True
                print("hil: compiling fast loops, once on this machine; some seconds", file=sys.stderr, flush=True)

        def on_end(self, event: object) -> None:
            """Nothing to say."""

    event.register("numba:compile", Notice())
