"""A bench file's link as the numbers that the closed forms take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.bench.model import AttenuatorDevice, PowerMeterDevice, ReceiverDevice, SwitchDevice, TransmitterDevice
from hil.errors import UsageError
from hil.physics.finite_key import DecoyProof

if TYPE_CHECKING:
    from datetime import date

    from hil.bench.model import Bench, Fibre, Link

__all__ = ["LinkModel", "calibration_uncertainty", "elements_loss_db", "link_model", "path_loss_db"]

FIBRE = "fibre"


@dataclass(frozen=True)
class LinkModel:
    """What is declared of a decoy-state BB84 link, light to click.

    ``transmittance`` is from the transmitter's output to a click, detection efficiency included. ``detectors`` are key basis
    first, bit 0 before bit 1.
    """

    pulse_rate_hz: float
    proof: DecoyProof
    key_basis_sent: float
    transmittance: float
    key_basis_received: float
    passive: bool
    misalignment: float
    dark_hz: float
    dead_time_s: float
    afterpulse_probability: float
    detectors: tuple[str, str, str, str]
    block_s: float
    qber_limit: float


def link_model(bench: Bench, link: str) -> LinkModel:
    """The declared link; UsageError for one that is no decoy-state BB84 link of three intensities and four detectors."""
    declared = _link(bench, link)
    sender, receiver = _parties(bench, declared, link)
    loss_db = path_loss_db(bench, link) + receiver.insertion_loss_db
    return LinkModel(
        pulse_rate_hz=sender.pulse_rate_hz,
        proof=DecoyProof(
            _three(sender.intensities, f"device.{declared.parties['a']}.intensities"),
            _three(sender.intensity_probabilities, f"device.{declared.parties['a']}.intensity_probabilities"),
            declared.proof.epsilon_secrecy,
            declared.proof.epsilon_correctness,
        ),
        key_basis_sent=sender.key_basis_probability,
        transmittance=10.0 ** (-loss_db / 10.0) * receiver.efficiency,
        key_basis_received=receiver.key_basis_probability,
        passive=receiver.basis_choice == "passive",
        misalignment=receiver.misalignment,
        dark_hz=receiver.dark_count_rate_hz,
        dead_time_s=receiver.dead_time_s,
        afterpulse_probability=receiver.afterpulse_probability,
        detectors=_four(receiver.detectors, f"device.{declared.parties['b']}.detectors"),
        block_s=declared.block_s,
        qber_limit=declared.proof.qber_limit,
    )


def path_loss_db(bench: Bench, link: str, before: str | None = None) -> float:
    """Loss of the path as declared, in decibels; with ``before``, only of what stands in front of that element.

    Receiver optics and efficiency are not part of the path. UsageError when ``before`` does not stand in it.
    """
    declared = _link(bench, link)
    if before is not None and before not in declared.path:
        raise UsageError(f"link.{link}.path does not hold {before!r}; it holds {', '.join(declared.path) or 'nothing'}")
    elements = declared.path if before is None else declared.path[: declared.path.index(before)]
    return elements_loss_db(bench, link, elements, declared.fibre)


def elements_loss_db(bench: Bench, where: str, elements: tuple[str, ...], fibre: Fibre | None) -> float:
    """Declared loss of elements of a path, or of one arm, in decibels; ``where`` names it in an error."""
    return math.fsum(_element_loss_db(bench, where, element, fibre) for element in elements)


def calibration_uncertainty(bench: Bench, link: str, on: date) -> float:
    """Expanded (95 %) relative uncertainty of what is predicted from the calibrated devices of the path, root sum of squares.

    Zero where nothing is calibrated; infinite where a calibration has expired on this day: nothing can be decided with it.
    """
    declared = _link(bench, link)
    squares = 0.0
    for name in set(declared.devices):
        for calibration in bench.device[name].calibration.values():
            if not calibration.on <= on <= calibration.due:
                return math.inf
            squares += (calibration.expanded_uncertainty / calibration.k / calibration.value) ** 2
    return 1.96 * math.sqrt(squares)


def _link(bench: Bench, link: str) -> Link:
    if link not in bench.link:
        raise UsageError(f"bench {bench.bench.name} has no link {link!r}; it has {', '.join(bench.link) or 'none'}")
    return bench.link[link]


def _parties(bench: Bench, declared: Link, link: str) -> tuple[TransmitterDevice, ReceiverDevice]:
    sender, receiver = (bench.device[declared.parties[side]] for side in ("a", "b"))
    if (
        declared.protocol != "bb84-decoy"
        or not isinstance(sender, TransmitterDevice)
        or not isinstance(receiver, ReceiverDevice)
    ):
        raise UsageError(f"link.{link}: closed forms cover bb84-decoy between a transmitter (a) and a receiver (b)")
    return sender, receiver


def _element_loss_db(bench: Bench, link: str, element: str, fibre: Fibre | None) -> float:
    if element == FIBRE:
        return 0.0 if fibre is None else fibre.length_km * fibre.attenuation_db_per_km + fibre.excess_loss_db
    device = bench.device[element]
    if isinstance(device, AttenuatorDevice):
        return device.attenuation_db
    if isinstance(device, SwitchDevice):
        return device.insertion_loss_db
    if isinstance(device, PowerMeterDevice):
        return device.tap_loss_db
    raise UsageError(f"link.{link}.path: {element} is no attenuator, switch or power meter; what does it lose?")


def _three(values: tuple[float, ...], where: str) -> tuple[float, float, float]:
    if len(values) != 3:
        raise UsageError(f"{where}: found {len(values)}; the two-decoy bound needs three, strongest first")
    return (values[0], values[1], values[2])


def _four(names: tuple[str, ...], where: str) -> tuple[str, str, str, str]:
    if len(names) != 4:
        raise UsageError(f"{where}: found {len(names)}; closed forms cover four, key basis first")
    return (names[0], names[1], names[2], names[3])
