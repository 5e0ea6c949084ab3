"""Bench files, good and bad."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from msgspec import UNSET

from hil import bench, discovery
from hil.bench.model import Bench, Fibre, ReceiverDevice, RecordingDevice, SwitchDevice, TransmitterDevice
from hil.errors import BenchFileError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    Edit = Callable[..., Path]

METRO_NAME = "metro-25km"
METRO = bench.shipped()[METRO_NAME].read_text()
CASES = tomllib.loads((Path(__file__).parent / "mistakes.toml").read_text())["case"]


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """The metro bench with some of its lines replaced, as a file."""

    def edit(*replacements: tuple[str, str]) -> Path:
        text = METRO
        for old, new in replacements:
            assert old in text, f"{old!r} is not in the shipped bench"
            text = text.replace(old, new, 1)
        file = tmp_path / "bench.toml"
        file.write_text(text)
        return file

    return edit


def mistakes_of(file: Path, *, simulate: bool = False) -> list[str]:
    with pytest.raises(BenchFileError) as caught:
        bench.load(file, simulate=simulate)
    assert str(caught.value).startswith(f"{file}: {len(caught.value.mistakes)} mistake")
    return [str(mistake) for mistake in caught.value.mistakes]


def test_the_metro_bench_holds_what_its_file_says() -> None:
    """Quantities arrive in the unit of their attribute; the values are those of the issue's link."""
    loaded = bench.load("metro-25km")
    alice, bob, switch = (loaded.device[name] for name in ("alice", "bob", "switch"))
    assert isinstance(alice, TransmitterDevice)
    assert isinstance(bob, ReceiverDevice)
    assert isinstance(switch, SwitchDevice)
    assert (alice.pulse_rate_hz, alice.intensities) == (1e9, (0.55, 0.25, 2e-4))
    assert alice.pilot_power_w == pytest.approx(1e-5)
    assert (bob.dark_count_rate_hz, bob.dead_time_s, bob.detector_temperature_c) == (60.0, 50e-9, -40.0)
    assert (switch.insertion_loss_db, switch.isolation_db) == (0.7, 50.0)
    assert loaded.link["metro"].fibre == Fibre(length_km=25.0, attenuation_db_per_km=0.2)
    assert loaded.device["meter"].calibration["responsivity"].due == date(2099, 12, 31)
    assert bench.envelope_of(loaded.device["voa"]) == {"attenuation_db": (0.0, 60.0)}


def test_a_link_of_twenty_decibels() -> None:
    """The shipped link adds up to 20 dB from transmitter to click, as its header claims."""
    loaded = bench.load("metro-25km")
    link, device = loaded.link["metro"], loaded.device
    bob, voa, meter, switch = device["bob"], device["voa"], device["meter"], device["switch"]
    fibre_db = link.fibre.length_km * link.fibre.attenuation_db_per_km  # type: ignore[union-attr]
    path_db = fibre_db + switch.insertion_loss_db + voa.attenuation_db + meter.tap_loss_db  # type: ignore[union-attr]
    assert path_db + bob.insertion_loss_db + 6.9897 == pytest.approx(20.0, abs=1e-3)  # type: ignore[union-attr]


def test_every_shipped_bench_loads() -> None:
    """A bench that is named can be used."""
    for name in bench.shipped():
        assert bench.load(name).bench.name == name


def test_a_recording_needs_no_address_and_is_not_simulated() -> None:
    """Its photons were real."""
    loaded = bench.load("recorded-pairs")
    recording = loaded.device["recording"]
    assert isinstance(recording, RecordingDevice)
    assert recording.tick_s == pytest.approx(156.25e-12, rel=1e-12)
    assert bench.simulated_devices(loaded, simulate=True) == frozenset()


def test_all_mistakes_are_told_at_once(edited: Edit) -> None:
    """Wrong unit, unknown key, missing key, wrong role and wrong reference of one file come together, in its order."""
    file = edited(
        ('pulse_rate = "1 GHz"', 'pulse_rat = "1 GHz"'),
        ('dead_time = "50 ns"', 'dead_time = "50 furlongs"'),
        ('role = "switch"', 'role = "swich"'),
        ('controls = "bob"', 'controls = "bobb"'),
        ('path = ["fibre", "switch", "voa", "meter"]', 'path = ["fibre", "switch", "vao", "bob"]'),
        ("qber_limit = 0.08", "qber_limit = 8"),
    )
    keys = (
        "role, driver, twin, address, data_address, firmware, serial, site, region, envelope, actual, chaos, "
        "chaos_per_hour, chaos_cool_down, chaos_slew, chaos_abort, calibration, "
        "pulse_rate, source, intensities, intensity_probabilities, intensity_uncertainty, g2, key_basis_probability, "
        "bit_one_probability, "
        "intensity_fluctuation, intensity_correlation, preparation_error, encoding, extinction, phase, "
        "pilot_power, calibration_every, level"
    )
    roles = (
        "transmitter, pair-source, receiver, attenuator, switch, power-meter, temperature-controller, laser, detector,"
        " time-tagger, power-outlet, kme, recording, repeater-node"
    )
    devices = "alice, bob, voa, switch, meter, kme_a, kme_b"
    assert mistakes_of(file) == [
        f"device.alice.pulse_rat: found an unknown key; expected 'pulse_rate' (known: {keys})",
        (
            "device.alice.pulse_rate: found nothing; expected a rate of zero or more with its unit "
            "(Hz, kHz, MHz, GHz, cps, kcps, Mcps), such as '60 cps', above 0"
        ),
        (
            "device.bob.dead_time: found '50 furlongs'; expected a time of zero or more with its unit "
            "(s, ms, us, ns, ps, fs, min, h, d), such as '50 ns'"
        ),
        f"device.switch.role: found 'swich'; expected 'switch' (known: {roles})",
        f"device.stage.controls: found 'bobb'; expected 'bob' (known: {devices})",
        "link.metro.proof.qber_limit: found 8; expected a number of at least 0 and up to 1",
        "link.metro.path[2]: found 'vao'; expected 'voa' (known: voa, meter, fibre, free-space)",
        (
            "link.metro.path[3]: found 'bob', a device with role receiver; expected a device with role "
            "attenuator or switch or power-meter: voa, meter"
        ),
    ]


NO_ADDRESS = "found nothing; expected the device's address; or --hil-simulate, simulated = true or mixed = true in [bench]"


@pytest.mark.parametrize("case", CASES, ids=[case["told"].split(": ")[0] for case in CASES])
def test_each_mistake_has_its_sentence(edited: Edit, case: dict[str, str]) -> None:
    """One edit of a good file gives exactly one mistake, at its key, with the accepted form."""
    assert mistakes_of(edited((case["old"], case["new"]))) == [case["told"]]


def test_unknown_driver_names_the_nearest(edited: Edit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typo in a driver's name is met with the right one; anyone's own driver is taken as written."""
    known = {
        "driver": ["agiltron-ff1x4", "ozoptics-dd100mc", "reference-transceiver", "thorlabs-pm100d", "thorlabs-tc200"],
        "keystore": ["etsi014"],
        "indicator": ["qber"],
    }
    known["twin"] = [*known["driver"], "etsi014"]
    monkeypatch.setattr(discovery, "names", lambda kind: known[kind])
    monkeypatch.setattr(
        discovery, "find", lambda _kind, name: SimpleNamespace(name=name, unit="ratio", direction="below", rules={})
    )
    file = edited(('driver = "ozoptics-dd100mc"', 'driver = "ozoptics-dd100"'))
    listed = ", ".join(known["driver"])
    assert mistakes_of(file) == [
        f"device.voa.driver: found 'ozoptics-dd100'; expected 'ozoptics-dd100mc' (known: {listed}); or package.module:NAME"
    ]
    file = edited(('driver = "ozoptics-dd100mc"', 'driver = "our.lab:VOA"'))
    assert mistakes_of(file) == [
        "device.voa.twin: found nothing; expected package.module:NAME of the driver's twin, as the device is to be simulated"
    ]
    file = edited(('driver = "ozoptics-dd100mc"', 'driver = "our.lab:VOA"\ntwin = "our.lab:TWIN"'))
    assert bench.load(file).device["voa"].driver == "our.lab:VOA"
    file = edited(("[slo.qber]", "[slo.qbe]"))
    assert mistakes_of(file) == ["slo.qbe: found 'qbe'; expected 'qber' (known: qber)"]


def test_a_wrong_protocol_hides_no_wrong_party(edited: Edit) -> None:
    """Which role a party needs is not known, but that no device has its name is."""
    found = mistakes_of(edited(('protocol = "bb84-decoy"', 'protocol = "bb85"'), ('a = "alice"', 'a = "alise"')))
    assert [mistake.partition(";")[0] for mistake in found] == [
        "link.metro.protocol: found 'bb85'",
        "link.metro.parties.a: found 'alise'",
    ]


def test_limits_arrive_in_the_unit_of_their_indicator(edited: Edit, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit may be written with its unit; another quantity, or the side that is not limited, is a mistake."""
    specs = {
        "auth-rtt": SimpleNamespace(name="auth-rtt", unit="s", direction="below", rules={}),
        "qber": SimpleNamespace(name="qber", unit="ratio", direction="below", rules={}),
        "key-rate": SimpleNamespace(name="key-rate", unit="bit/s", direction="above", rules={}),
    }
    names = discovery.names
    monkeypatch.setattr(discovery, "names", lambda kind: list(specs) if kind == "indicator" else names(kind))
    monkeypatch.setattr(discovery, "find", lambda _kind, name: specs[name])
    good = '[slo.auth_rtt]\nmax = "100 ms"\n[slo.key_rate]\nmin = "0.4 Mbit/s"\n[slo.qber]\nmax = "2 %"\n'
    loaded = bench.load(edited(("[slo.qber]\nmax = 0.02\n", good)))
    assert {name: (limit.max, limit.min) for name, limit in loaded.slo.items()} == {
        "auth_rtt": (0.1, UNSET),
        "key_rate": (UNSET, 400_000.0),
        "qber": (0.02, UNSET),
    }
    assert bench.slo_limit(loaded, "key-rate") == loaded.slo["key_rate"]
    assert bench.slo_limit(loaded, "availability") is None
    bad = '[slo.auth_rtt]\nmax = "100 dB"\n[slo.key_rate]\nmax = 100\n[slo.key-rate]\n[slo.qber]\n'
    assert mistakes_of(edited(("[slo.qber]\nmax = 0.02\n", bad))) == [
        (
            "slo.auth_rtt.max: found '100 dB'; expected a time of zero or more with its unit "
            "(s, ms, us, ns, ps, fs, min, h, d), such as '50 ns'; a plain number is in s"
        ),
        "slo.key_rate.max: found 100.0; expected min: key-rate is good above its limit",
        "slo.key-rate: found 'key-rate'; expected each indicator once; 'key_rate' is the same one",
    ]


def test_a_missing_address_is_a_mistake_unless_the_device_is_a_twin(edited: Edit) -> None:
    """Real benches need addresses; ``simulated``, ``mixed`` and --hil-simulate each lift that."""
    file = edited(("simulated = true", ""))
    assert mistakes_of(file) == [
        f"device.{name}.address: {NO_ADDRESS}" for name in ("alice", "bob", "voa", "switch", "meter", "stage", "kme_a", "kme_b")
    ]
    assert bench.simulated_devices(bench.load(file, simulate=True), simulate=True) == set(bench.load(METRO_NAME).device)
    mixed = edited(
        ("simulated = true", "mixed = true"), ('attenuation = "3 dB"', 'attenuation = "3 dB"\naddress = "ASRL1::INSTR"')
    )
    assert bench.simulated_devices(bench.load(mixed)) == set(bench.load(METRO_NAME).device) - {"voa"}


def test_a_real_kme_needs_its_certificates(edited: Edit) -> None:
    """An address alone does not make mutual TLS."""
    file = edited(
        ("simulated = true", "mixed = true"), ('sae_id = "SAE-NORTH"', 'sae_id = "SAE-NORTH"\naddress = "https://kme:443"')
    )
    assert mistakes_of(file) == [
        f"device.kme_a.{key}: found nothing; expected a PEM file, as the KME at this address wants mutual TLS"
        for key in ("ca_file", "certificate_file", "private_key_file")
    ]


def test_a_site_that_is_named_nowhere_is_a_mistake_once_sites_are_declared(edited: Edit) -> None:
    """With [site.X] tables, a device's site has to be one of them."""
    file = edited(("[slo.qber]", "[site.north]\n[site.sout]\n[slo.qber]"))
    found = mistakes_of(file)
    assert "device.bob.site: found 'south'; expected 'sout' (known: north, sout)" in found
    assert not any("alice" in line for line in found)


def test_what_a_twin_is_really_like_comes_in_si_by_attribute(edited: Edit) -> None:
    """``actual`` takes the device's own keys, and arrives as the world reads it."""
    file = edited(
        ('detector_temperature = "-40 degC"', 'actual = { dark_count_rate = "20 kcps", misalignment = 0.06 }'),
        ('[link.metro.fibre]\nlength = "25 km"', '[link.metro.fibre]\nlength = "25 km"\nactual = { length = "85 km" }'),
    )
    loaded = bench.load(file)
    assert bench.actual_of(loaded.device["bob"]) == {"dark_count_rate_hz": 20_000.0, "misalignment": 0.06}
    fibre = loaded.link["metro"].fibre
    assert fibre is not None
    assert bench.actual_of(fibre) == {"length_km": 85.0}


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    """Syntax errors are mistakes like any other, with the line they stand in."""
    file = tmp_path / "bench.toml"
    file.write_text('[bench]\nname = "x\n')
    assert mistakes_of(file) == ["line 2, column 10: found 'name = \"x'; expected valid TOML (illegal character '\\n')"]
    file.write_bytes(b'[bench]\nname = "\xff"\n')
    assert mistakes_of(file) == ["byte 16: found 0xff; expected UTF-8 text"]


def test_an_unknown_name_lists_the_shipped_benches() -> None:
    """A typo in --hil-bench is met with the nearest name."""
    with pytest.raises(UnknownNameError) as caught:
        bench.load("metro-25")
    known = ", ".join(bench.shipped())
    assert (
        str(caught.value)
        == f"no bench named 'metro-25'; did you mean 'metro-25km'? shipped: {known}; or give the path of a bench file"
    )


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """A path that is not there is the caller's mistake, not a traceback."""
    with pytest.raises(UsageError) as caught:
        bench.load(str(tmp_path / "no.toml"))
    assert (
        str(caught.value)
        == f"{tmp_path}/no.toml: cannot read the bench file (No such file or directory); expected a readable TOML file"
    )


def test_the_hash_is_of_what_a_bench_says(edited: Edit) -> None:
    """Comments and the spelling of units do not change it, a value does."""
    loaded = bench.load(METRO_NAME)
    assert isinstance(loaded, Bench)
    assert bench.bench_hash(loaded) == bench.bench_hash(METRO_NAME)
    assert bench.bench_hash(edited(('dead_time = "50 ns"', 'dead_time = "0.05 us"  # the same'))) == bench.bench_hash(loaded)
    assert bench.bench_hash(edited(('dead_time = "50 ns"', 'dead_time = "51 ns"'))) != bench.bench_hash(loaded)
