"""Somebody else answers at a key management entity's address, with a certificate in order that names somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import KME_CHANNEL, classical
from hil.ports.spec import Finding

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "WrongPeer"]


@dataclass(frozen=True)
class WrongPeer:
    """Somebody answers or somebody else does: there are no settings."""


def _shown(_settings: WrongPeer, _before: Readings, now: Readings) -> Finding:
    words = f"{now['refused']:.0f} of 1 connections was refused, {now['other_peer']:.0f} for its name"
    return Finding(now["other_peer"] == 1.0, words)


def _healed(_settings: WrongPeer, _during: Readings, now: Readings) -> Finding:
    return Finding(now["refused"] == 0.0, f"{now['refused']:.0f} of 1 connections is refused")


SPEC = classical(
    name="wrong-peer",
    title="Somebody else answers at a key management entity's address (twins only)",
    settings=WrongPeer,
    zero="It has no settings, so nothing can be zero: the right one answers or it does not.",
    acts_on="the certificate that the twin of a key management entity shows",
    moves=lambda _settings: {"wrong_peer": 1.0},
    shown=_shown,
    healed=_healed,
    target_role=KME_CHANNEL,
)
