"""Everything the world keeps about one receiver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .blackbox import BlackBox
from .clocks import ReceiverClock
from .dynamics import doubling_k
from .pair_reception import PairReceiver
from .path_delay import PathDelay
from .reception import Receiver
from .scene import Scene
from .surroundings import Surroundings
from .tally import Tally

if TYPE_CHECKING:
    from hil.bench.model import ReceiverDevice

    from .optics import Optics
    from .pairs import PairLight
    from .parameters import Parameters
    from .source import PulseClock, Source
    from .thermal import Stage
    from .timeline import Timeline

__all__ = ["ReceiverView"]

_NO_LINK_QBER_LIMIT = 0.11


@dataclass(frozen=True)
class ReceiverView:
    """Its surroundings, its counters and block, the hidden distillation of its link, and the QBER that stops it."""

    scene: Scene
    tally: Tally
    black_box: BlackBox
    qber_limit: float

    @classmethod
    def of(
        cls,
        name: str,
        device: ReceiverDevice,
        seed: int,
        *,
        light: tuple[PulseClock, Source | None],
        timeline: Timeline,
        world: tuple[Parameters, Optics],
        stage: tuple[Stage, float] | None,
        pairs: PairLight | None = None,
    ) -> ReceiverView:
        """The view of a receiver at time zero; ``stage`` is that of its optics with the set point of the bench file.

        ``pairs`` is what sends to it on an entangled link.
        """
        pulses, source = light
        parameters, optics = world
        if pairs is not None:
            receiver: Receiver = PairReceiver(name, device, seed, pulses.rate_hz)
        else:
            receiver = Receiver(name, device, seed, source, pulses.rate_hz)
        way = optics.way_to(name)
        around = None
        if way is not None:
            octave_k = doubling_k(device)
            polarised = source is None or not source.time_bin
            around = Surroundings(way.name, way.link, seed, parameters, polarised=polarised, detector_doubling_k=octave_k)
        scene = Scene(receiver, pulses, timeline, parameters, optics=optics, stage=stage, surroundings=around, light=pairs)
        link, qber_limit = ("", _NO_LINK_QBER_LIMIT) if way is None else (way.link_name, way.link.proof.qber_limit)
        clock = None
        if device.timing == "tags":
            path = (
                None if way is None else PathDelay(way, parameters, optics, None if around is None or around.still else around)
            )
            clock = ReceiverClock(name, device, seed, timeline=timeline, parameters=parameters, pulses=pulses, path=path)
        return cls(scene, Tally(scene, seed, qber_limit, clock), BlackBox(scene, seed, link, qber_limit), qber_limit)
