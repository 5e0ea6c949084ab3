"""The SPECs a module exposes under its own name. One frozen SPEC, one file, one reason to exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hil.clock import Clock
    from hil.ports.identity import Capabilities
    from hil.ports.objective import Objective
    from hil.verdict import TimeBase, Verdict

__all__ = [
    "DeviceSettings",
    "DriverSpec",
    "FaultBench",
    "FaultSpec",
    "Finding",
    "IndicatorSpec",
    "KeyStoreSettings",
    "KeyStoreSpec",
    "Move",
    "Range",
    "Readings",
    "ReporterSpec",
    "Span",
    "Undo",
]


def _permit(_setting: str, _value: float) -> None:
    """Nobody minds."""


Readings = Mapping[str, float]
"""Readings of a bench by name, with the unit as its last word."""


@dataclass(frozen=True)
class DeviceSettings:
    """What a driver is opened with.

    ``resource`` is a VISA resource string (``TCPIP::host::port::SOCKET``, ``ASRL/dev/...::INSTR``) or a URL or path, as the
    driver's role needs; ``data_resource`` the second port of a device that has a data plane. ``envelope`` maps a setting
    with its unit ("attenuation_db") to its allowed interval. ``declared`` is the device's table of the bench file.
    ``before_move`` is told each move of a setter, with the unit in the setting's name, before anything is sent: it raises for
    one that must not be made. A setter without a range says ``emitting`` 0 or 1.
    """

    name: str
    resource: str
    clock: Clock
    data_resource: str = ""
    envelope: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    declared: Any = None
    timeout_s: float = 2.0
    visa_library: str = "@py"
    """pyvisa's library string: ``@py``, an empty string for an installed vendor library, ``dialogue.yaml@sim`` in tests."""
    before_move: Callable[[str, float], None] = _permit


@dataclass(frozen=True)
class DriverSpec:
    """An instrument driver. ``build`` makes it without touching the port; its ``open()`` connects.

    ``roles`` are the bench-file roles it serves, where that is not just ``role``.
    """

    name: str
    role: str
    title: str
    build: Callable[[DeviceSettings], Any]
    capabilities: Capabilities
    protocol: str = ""
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyStoreSettings:
    """What a key store, or the way to one, is opened with.

    ``address``: a directory or file for a local store, the URL of a remote one. ``test``: whether TEST keys are allowed.
    ``sae_id`` is the application the test host speaks as, ``kme_id`` whom it expects at the address; the files are PEM.
    """

    name: str
    address: str
    test: bool = False
    max_keys: int = 100_000
    kme_id: str = ""
    sae_id: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    private_key_file: str = ""
    timeout_s: float = 5.0


@dataclass(frozen=True)
class KeyStoreSpec:
    """Where keys are kept or fetched: ``provides`` says whether ``build`` gives a KeyStore or a KeyDelivery."""

    name: str
    title: str
    provides: Literal["store", "delivery"]
    build: Callable[[KeyStoreSettings], Any]


@dataclass(frozen=True)
class Move:
    """A move as data: set ``setting`` of ``device`` to the absolute ``value``. Never a closure, never a toggle."""

    device: str
    setting: str
    value: float | int | str | bool


@dataclass(frozen=True)
class Undo(Move):
    """A move that heals: back to where the setting stood."""


@dataclass(frozen=True)
class Range:
    """Where a setting of a fault lies in practice, ends included and in the setting's unit, and who says so.

    Random sequences draw from it. A test may ask for more, as far as envelopes and the device allow.
    """

    low: float
    high: float
    source: str


class FaultBench(Protocol):
    """What a fault may do to a bench; testbed implements it.

    Settings are named as in roles: ``channel`` (switch), ``attenuation_db``, ``setpoint_c``; or, on a twin only and through its
    control port, any injectable parameter of the simulated world such as ``dark_count_rate_hz``. The parameters of a fibre and
    of an eavesdropper go by the name of the link or arm (role ``link``), as a device's do. A classical
    channel (of the role ``classical-channel`` or ``kme-channel``) has settings of its own, on twins and hardware alike, as its
    connections go through a proxy.
    """

    @property
    def clock(self) -> Clock:
        """The bench's clock."""
        ...

    def device_of_role(self, role: str) -> str:
        """Name of the device with that role on the link under fault; MissingCapabilityError when there is none."""
        ...

    def devices_of_role(self, role: str) -> tuple[str, ...]:
        """Names of all devices of the link with that role; none is an answer."""
        ...

    def receiver_behind(self, device: str) -> str:
        """Name of the receiver that a device of the path shades."""
        ...

    def declared(self, device: str) -> Any:
        """The device's table of the bench file."""
        ...

    def read(self, device: str, setting: str) -> float:
        """Read a setting or a measured value (``temperature_c``) from the device itself.

        Of a transceiver also what it tells of itself: ``told_firmware_code`` (:func:`hil.ports.identity.firmware_code`),
        ``told_counter_bits`` and ``uptime_s``; of a twin ``power_on``, whether its plug is in. DeviceError where it is silent.
        """
        ...

    def clicks(self, device: str) -> Readings:
        """A receiver's clicks since power-up, ``clicks.<detector>`` each, and the ``live_s`` they were counted in.

        A black box shows none: ``clicks.all`` then adds up what it claims of one whole second, for which the call waits.
        """
        ...

    def glimpse(self, at_least_s: float = 0.0) -> Readings:
        """What the detections of the link's receivers say, as sums over all looks so far; each call adds one.

        Of ``sampled_s`` seconds with ``sampled_clicks`` clicks (and ``lost_clicks`` which no pulse was found for):
        ``sifted_bits`` in one basis at both ends and ``wrong_bits`` among them; ``synchronised_s``, the seconds in which clicks
        could be told by pulse. A receiver with tags shows no bits but its clock: ``gained_s``, by how much it went ahead, and
        ``spread_s2``, the mean square of a click's distance from its pulse, weighed by ``synchronised_s``. Where pulses are
        prepared: ``bits.<number>``, the sifted bits of each intensity, and of ``settings_sent`` pulses in a row how many had
        the key basis (``settings_key``) and how many the setting of the pulse before (``settings_repeated``). A short block is
        taken for it, of ``at_least_s``; while others take blocks, theirs count, once they ended. A black box is believed, a
        second more with each call. MissingCapabilityError where a link shows neither.
        """
        ...

    def probe(self, channel: str) -> Readings:
        """Send numbered messages over a classical channel and back, in real time, and tell what became of them.

        ``sent``, ``echoed``, ``changed``, ``repeated``, ``swapped``, ``resets`` and ``pieces`` are numbers, ``first_s`` and
        ``last_s`` round trips, ``echo_bps`` a rate; ``set`` counts the channel's settings that are not zero. Where a
        certificate is shown, ``refused``, ``expired`` and ``other_peer`` say what a new connection makes of it.
        """
        ...

    def write(self, device: str, setting: str, value: float) -> None:
        """Move an actuator inside its envelope, or inject into the twin; MissingCapabilityError on hardware that cannot."""
        ...

    def settle_s(self, device: str) -> float:
        """How long the device declares a move to take."""
        ...


@dataclass(frozen=True)
class Span:
    """What a fault reads of the bench at the beginning and at the end of a stretch of time."""

    first: Readings
    last: Readings

    def change(self, name: str) -> float:
        """How much a reading grew over the stretch."""
        return self.last[name] - self.first[name]


@dataclass(frozen=True)
class Finding:
    """What the bench shows, in words with numbers, and whether that is what was looked for."""

    shown: bool
    words: str


@dataclass(frozen=True)
class FaultSpec:
    """One fault. It knows what to move and how it shows; when to act, to wait, to heal and to give up is the testbed's.

    ``settings`` is a frozen dataclass of typed parameters with units in their names; a fault has no state. ``target`` is a
    device of ``target_role``, one part of it (``bob.z0``), or a link or one of its arms (role ``link``). Reading takes no bench
    time, beyond what a driver needs.
    """

    name: str
    title: str
    settings: type
    zero: str
    """What a setting of zero means."""
    target_role: str
    acts_on: str
    """What is moved, in words."""
    plan: Callable[[FaultBench, str, Any], tuple[Undo, ...]]
    """How to heal, from what stands now, before anything moves; undone last in, first out."""
    moves: Callable[[FaultBench, str, Any, tuple[Undo, ...]], tuple[Move, ...]]
    """What to move where, from the settings and what stood before (the undos); nothing at zero. Nothing is moved by asking.

    A waveform asks again with other settings; the answer never depends on where the last one left the device.
    """
    read: Callable[[FaultBench, str, Any], Readings]
    """What the fault shows in: counters, temperatures, set points."""
    shown: Callable[[FaultBench, str, Any, Span, Span], Finding]
    """Whether the bench shows the fault, from the readings before it and since."""
    healed: Callable[[FaultBench, str, Any, Span, Span], Finding]
    """Whether the bench shows it healed, from the readings just before healing and since."""
    patience_s: Callable[[FaultBench, str], float]
    """Until the bench must show it, and must show it healed."""
    look_s: float = 0.0
    """How long the readings before injection and before healing take."""
    spoils_detections: bool = True
    """Whether no key may come of detections made while it was in."""
    ranges: Mapping[str, Range] = field(default_factory=dict)
    """Of every setting that is a number."""
    magnitude: tuple[str, ...] = ()
    """The settings that a waveform scales by its level; without any the fault is a step."""


@dataclass(frozen=True)
class IndicatorSpec:
    """One service level indicator.

    ``observes``: the type of :mod:`hil.ports.run` it judges. ``judge(observation, objective)`` returns one verdict per subject.
    ``gate``: whether a short run must satisfy it. ``rule`` says how it is decided by one look, ``rules`` how by the others of
    :class:`~hil.ports.objective.Objective`, where they apply.
    """

    name: str
    title: str
    unit: str
    default_limit: float | None
    direction: str
    """``"below"`` or ``"above"``: which side of the limit is good; ``"within"`` for a declared value with tolerance."""
    time_base: TimeBase
    observes: type
    judge: Callable[[Any, Objective], tuple[Verdict, ...]]
    rule: str
    gate: bool = True
    tolerance: str = ""
    """What the words "the tolerance" of the rule stand for, with ``{limit}`` for the limit in percent."""
    rules: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReporterSpec:
    """Writes one kind of report from a finished run record and nothing else."""

    name: str
    title: str
    write: Callable[[Path], Path | None]
    """Takes the run's folder, returns the file it wrote; None where the run has nothing of that kind to report."""
