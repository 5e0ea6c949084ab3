"""The synchronisation signal is gone: a receiver clicks on, but nothing tells which pulse a click belongs to.

A twin is told to: electronics that assign pulses then deliver no record and say how many clicks they lost; tags of a receiver
with a clock of its own lose their frame. A black box sifts nothing. Blocks end with "no synchronisation", and the link is down.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.faults._detectors import whole_receiver
from hil.faults._injection import Injection, injection
from hil.faults._timing import followed, glimpsed, lost, of_this_link

__all__ = ["SPEC", "SyncLoss"]


@dataclass(frozen=True)
class SyncLoss:
    """The signal is there or it is not: there are no settings."""


SPEC = of_this_link(
    injection(
        Injection(
            parameters=lambda _bench, target: [(whole_receiver(target, "sync_loss"), "sync_signal")],
            becomes=lambda _settings, _parameter, _stood: 0.0,
            unless="it would take a switch in the way of its synchronisation signal",
        ),
        name="sync-loss",
        title="The synchronisation signal is gone (twins only)",
        settings=SyncLoss,
        zero="It has no settings, so nothing can be zero: the signal is there or it is not.",
        target_role="receiver",
        acts_on="the synchronisation signal of a receiver's twin",
        read=glimpsed,
        shown=lambda _bench, _target, _settings, before, during: lost(before, during),
        healed=lambda _bench, _target, _settings, during, after: followed(during, after),
        ranges={},
        look_s=0.05,
    )
)
