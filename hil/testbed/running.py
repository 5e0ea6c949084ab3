"""Runs a link block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.pipeline.stepping import Interceptor
    from hil.ports.run import LinkRun
    from hil.testbed.link import Link

__all__ = ["run"]


def run(link: Link, duration: str | float, interceptor: Interceptor | None = None) -> LinkRun:
    """Make key for that long."""
    raise NotImplementedError
