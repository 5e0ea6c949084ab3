"""A bench file's link as the numbers that the closed forms take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.bench.model import AttenuatorDevice, PowerMeterDevice, ReceiverDevice, SwitchDevice, TransmitterDevice
from hil.errors import UsageError
from hil.physics.channel_model import (
    fibre_loss_db,
    free_space_loss_db,
    polarisation_error,
    raman_photons_hz,
    sky_photons_hz,
    slot_shares,
)
from hil.physics.decoy_key import Conditions, decoy_proof
from hil.physics.preparation_error import combined_error, extinction_error
from hil.physics.receiver_model import counting_of, seen_slots

if TYPE_CHECKING:
    from datetime import date

    from hil.bench.model import Bench, Link
    from hil.physics.counting import Counting
    from hil.physics.finite_key import DecoyProof
    from hil.physics.one_decoy import OneDecoyProof

__all__ = ["LinkModel", "calibration_uncertainty", "elements_loss_db", "leak_directions", "link_model", "path_loss_db"]

FIBRE = "fibre"
AIR = "free-space"


@dataclass(frozen=True)
class LinkModel:
    """What is declared of a prepare-and-measure BB84 link, light to click.

    ``transmittance`` is from the transmitter's output to a click, detection efficiency included. ``detectors`` are key basis
    first, bit 0 before bit 1; ``state_errors`` are of the states in the same order. ``test_arm`` is what an interferometer in
    the test basis leaves to be counted. ``proof`` is None where none covers the source. ``crossing`` is the share of the light
    that jitter puts into another pulse's slot. Dark counts, stray light and afterpulses are those that fall into the gate,
    where there is one.
    """

    pulse_rate_hz: float
    intensities: tuple[float, ...]
    probabilities: tuple[float, ...]
    proof: DecoyProof | OneDecoyProof | None
    single_photons: bool
    g2: float
    fluctuation: float
    correlation: float
    state_errors: tuple[float, float, float, float]
    bit_one_sent: float
    key_basis_sent: float
    test_arm: float
    transmittance: float
    key_basis_received: float
    passive: bool
    misalignment: float
    dark_hz: float
    counting: Counting
    crossing: float
    detectors: tuple[str, str, str, str]
    block_s: float
    qber_limit: float
    leak_directions: int
    """In how many directions the correction is charged."""
    vacuum_credited: bool
    conditions: Conditions
    background_hz: tuple[float, float] = (0.0, 0.0)
    """Stray light at each detector of the key and of the test basis: Raman, night sky, light of neighbouring pulses."""


def link_model(bench: Bench, link: str) -> LinkModel:
    """The declared link; UsageError for one that is no prepare-and-measure BB84 link with four detectors."""
    declared = _link(bench, link)
    sender, receiver = _parties(bench, declared, link)
    loss_db = path_loss_db(bench, link) + receiver.insertion_loss_db
    own, beside = slot_shares(declared.fibre, sender.pulse_rate_hz)
    kept, crossed, opened = seen_slots(receiver, 1.0 / sender.pulse_rate_hz)
    transmittance = 10.0 ** (-loss_db / 10.0) * receiver.efficiency * (kept + crossed)
    rotated = polarisation_error(declared.fibre) if sender.encoding == "polarisation" else 0.0
    test_arm = 0.5 if sender.encoding == "time-bin" else 1.0
    return LinkModel(
        pulse_rate_hz=sender.pulse_rate_hz,
        intensities=sender.intensities,
        probabilities=sender.intensity_probabilities,
        proof=_proof(sender, declared),
        single_photons=sender.source == "single-photon",
        g2=sender.g2,
        fluctuation=sender.intensity_fluctuation,
        correlation=sender.intensity_correlation,
        state_errors=_state_errors(sender),
        bit_one_sent=sender.bit_one_probability,
        key_basis_sent=sender.key_basis_probability,
        test_arm=test_arm,
        transmittance=transmittance * own,
        key_basis_received=receiver.key_basis_probability,
        passive=receiver.basis_choice == "passive",
        misalignment=receiver.misalignment * (1.0 - rotated) + (1.0 - receiver.misalignment) * rotated,
        dark_hz=receiver.dark_count_rate_hz * opened,
        counting=counting_of(receiver, opened),
        crossing=crossed / (kept + crossed),
        detectors=_four(receiver.detectors, f"device.{declared.parties['b']}.detectors"),
        block_s=declared.block_s,
        qber_limit=declared.proof.qber_limit,
        leak_directions=leak_directions(declared),
        vacuum_credited=declared.proof.leakage == "both-directions",
        conditions=Conditions(declared.proof.bounds == "exact", sender.intensity_uncertainty, receiver.efficiency_ratio),
        background_hz=_background_hz(bench, link, strayed=2.0 * beside * transmittance, seen=opened, test_arm=test_arm),
    )


def path_loss_db(bench: Bench, link: str, before: str | None = None) -> float:
    """Loss of the path as declared, in decibels; with ``before``, only of what stands in front of that element.

    Light that dispersion takes out of its detection window is not lost on the path.

    Receiver optics and efficiency are not part of the path. UsageError when ``before`` does not stand in it.
    """
    declared = _link(bench, link)
    if before is not None and before not in declared.path:
        raise UsageError(f"link.{link}.path does not hold {before!r}; it holds {', '.join(declared.path) or 'nothing'}")
    elements = declared.path if before is None else declared.path[: declared.path.index(before)]
    return elements_loss_db(bench, f"link.{link}", declared, elements)


def elements_loss_db(bench: Bench, where: str, way: Link, elements: tuple[str, ...]) -> float:
    """Declared loss of these elements of a link, or of a link along one arm, in decibels; ``where`` names it in an error."""
    return math.fsum(_element_loss_db(bench, where, way, element) for element in elements)


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


def _background_hz(bench: Bench, link: str, *, strayed: float, seen: float, test_arm: float) -> tuple[float, float]:
    """Stray clicks per second of one detector of each basis; ``strayed`` is the clicking share of light beside its slot.

    ``seen`` is the share of time in which the detectors see.

    Only light of pulses is lost in an interferometer to slots that nothing counts: that of the sky comes all the time.
    """
    declared = bench.link[link]
    sender, receiver = _parties(bench, declared, link)
    mean_photons = math.fsum(mu * p for mu, p in zip(sender.intensities, sender.intensity_probabilities, strict=True))
    pulses_hz, total_hz = sender.pulse_rate_hz * mean_photons * strayed, 0.0
    for place, photons_hz in ((FIBRE, raman_photons_hz(declared.fibre)), (AIR, sky_photons_hz(declared))):
        if photons_hz > 0.0:
            behind = declared.path[declared.path.index(place) + 1 :]
            loss_db = elements_loss_db(bench, f"link.{link}", declared, behind) + receiver.insertion_loss_db
            total_hz += photons_hz * 10.0 ** (-loss_db / 10.0) * receiver.efficiency * seen
    key_basis = receiver.key_basis_probability
    return (pulses_hz + total_hz) * key_basis / 2.0, (pulses_hz * test_arm + total_hz) * (1.0 - key_basis) / 2.0


def _element_loss_db(bench: Bench, where: str, way: Link, element: str) -> float:
    if element == FIBRE:
        return 0.0 if way.fibre is None else fibre_loss_db(way.fibre)
    if element == AIR:
        return 0.0 if way.free_space is None else free_space_loss_db(way.free_space)
    if element in way.element:
        return way.element[element].loss_db
    device = bench.device[element]
    if isinstance(device, AttenuatorDevice):
        return device.attenuation_db
    if isinstance(device, SwitchDevice):
        return device.insertion_loss_db
    if isinstance(device, PowerMeterDevice):
        return device.tap_loss_db
    raise UsageError(f"{where}.path: {element} is no attenuator, switch or power meter; what does it lose?")


def leak_directions(link: Link) -> int:
    """In how many directions the error correction of a link is charged to its key."""
    two_way = link.proof.leakage == "both-directions" and link.proof.reconciliation.startswith("cascade")
    return 2 if two_way else 1


def _proof(sender: TransmitterDevice, link: Link) -> DecoyProof | OneDecoyProof | None:
    """The proof for its number of decoys; None for a source none covers."""
    if sender.source != "weak-coherent" or sender.phase != "randomised" or sender.bit_one_probability != 0.5:
        return None
    epsilons = link.proof.epsilon_secrecy, link.proof.epsilon_correctness
    try:
        return decoy_proof(sender.intensities, sender.intensity_probabilities, *epsilons)
    except UsageError:
        return None


def _state_errors(sender: TransmitterDevice) -> tuple[float, float, float, float]:
    """One declared error for all states, one a basis, or one a state; a time bin also leaks into its neighbour."""
    declared = sender.preparation_error or (0.0,)
    each = [declared[number * len(declared) // 4] for number in range(4)]
    leak = extinction_error(sender.extinction_db) if sender.encoding == "time-bin" else 0.0
    return (combined_error(each[0], leak), combined_error(each[1], leak), each[2], each[3])


def _four(names: tuple[str, ...], where: str) -> tuple[str, str, str, str]:
    if len(names) != 4:
        raise UsageError(f"{where}: found {len(names)}; closed forms cover four, key basis first")
    return (names[0], names[1], names[2], names[3])
