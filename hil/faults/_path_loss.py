"""What faults share that take light on its way: an attenuator in the path does it, or the twin's own loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hil.errors import MissingCapabilityError
from hil.faults._clicks import lit_clicks
from hil.faults._dimming import changed_light, light_back, power_ratio
from hil.faults._injection import Injection, injection

if TYPE_CHECKING:
    from collections.abc import Callable

    from hil.ports.spec import FaultBench, FaultSpec, Range

__all__ = ["fibre_of", "path_loss"]

_TOLD_DB = 0.1
"""How closely attenuators tell what they are set to."""


def _attenuator_of(bench: FaultBench, way: str) -> str | None:
    """The attenuator that stands in a way of light; None where there is none."""
    link = bench.declared(way)
    party = way.rpartition(".")[2]
    path = link.arm[party].path if link.entangled and party in link.arm else link.path
    devices = [name for name in path if name not in {"fibre", "free-space", *link.element}]
    return next((name for name in devices if bench.declared(name).__struct_config__.tag == "attenuator"), None)


def fibre_of(bench: FaultBench, way: str) -> Any:
    """The table of the fibre of a way of light; None where there is none."""
    link, party = bench.declared(way), way.rpartition(".")[2]
    return link.arm[party].fibre if link.entangled and party in link.arm else link.fibre


def path_loss(
    *,
    name: str,
    title: str,
    settings: type,
    of: str,
    instead: Callable[[FaultBench, str], tuple[str, str]],
    acts_on: str,
    reach: Range,
) -> FaultSpec:
    """The SPEC of one: ``of`` names its setting, a loss in decibels; ``instead`` says where the twin loses it without a VOA.

    Seen in the counts of the receiver behind: they must fall accordingly, and rise by as much when healed.
    """

    def where(bench: FaultBench, way: str) -> list[tuple[str, str]]:
        voa = _attenuator_of(bench, way)
        if voa is not None:
            return [(voa, "attenuation_db")]
        if fibre_of(bench, way) is None and bench.declared(way).free_space is None:
            word = name.replace("-", "_")
            raise MissingCapabilityError(f"{word}: {way} has no attenuator, and neither fibre nor air that could lose light")
        return [instead(bench, way)]

    def factor(chosen: Any) -> float:
        return power_ratio(-getattr(chosen, of))

    return injection(
        Injection(
            parameters=where,
            becomes=lambda chosen, _parameter, stood: float(stood + getattr(chosen, of)),
            unless="it would take an attenuator in its path",
            within=_TOLD_DB,
        ),
        name=name,
        title=title,
        settings=settings,
        zero="0 dB takes nothing: nothing is moved.",
        target_role="link",
        acts_on=acts_on,
        read=lambda bench, way, _chosen: lit_clicks(bench, bench.receiver_behind(way)),
        shown=lambda bench, way, chosen, before, now: changed_light(bench, way, before, now, factor(chosen)),
        healed=lambda bench, way, chosen, during, after: light_back(bench, way, during, after, factor(chosen)),
        ranges={of: reach},
        magnitude=(of,),
    )
