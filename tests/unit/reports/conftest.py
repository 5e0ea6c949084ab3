"""Runs to report on, written through the record's own interface: one of everything, and a hostile one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hil.record.model import DeclaredRule
from hil.record.writer import EventLog, RunFolder, RunHeader, finish, save_series

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STARTED = 1_784_794_530.0  # 2026-07-23T08:15:30Z
RULES = {
    "key_rate": ("secret key rate", 100.0, "bit/s", "Student's t over the blocks: PASS if the lower bound >= limit, FAIL if the upper bound < limit", True),
    "contract_key_rate": ("contracted key rate", 412_000.0, "bit/s", "Student's t over the blocks: PASS if the lower bound >= limit, FAIL if the upper bound < limit", True),
    "qber": ("quantum bit error rate", 0.02, "ratio", "Clopper-Pearson over the sifted bits: PASS if the upper bound < limit, FAIL if the lower bound >= limit", True),
    "dark_counts": ("dark count rate", 100.0, "cps", "quasi-Poisson with the measured Fano factor: PASS if the upper bound < limit, FAIL if the lower bound >= limit", True),
    "photon_counts": ("photon count rate", 0.1, "ratio", "quasi-Poisson, calibration in quadrature: PASS if the interval lies within 10 % of the predicted rate, FAIL if it lies outside altogether", True),
    "key_ingestion": ("key ingestion latency", 1.0, "s", "order statistics of the 95 % quantile: PASS if the upper bound < limit, FAIL if the lower bound >= limit", True),
    "link_availability": ("link availability", 0.999, "ratio", "Clopper-Pearson over the slices: PASS if the lower bound >= limit, FAIL if the upper bound < limit", False),
    "entanglement_fidelity": ("entanglement fidelity", 0.9, "ratio", "", True),
}  # fmt: skip
DEVICES = (
    ("alice", "transmitter", "reference-transceiver", "HIL Reference", "QTX-1000", "SIM-A-0001", "2.4.1", "north", ""),
    ("bob", "receiver", "reference-transceiver", "HIL Reference", "QRX-1000", "SIM-B-0001", "2.4.1", "south", ""),
    ("voa", "attenuator", "ozoptics-dd100mc", "OZ Optics", "DD-100-MC", "116245", "6.3", "south", ""),
    ("switch", "switch", "agiltron-ff1x4", "Agiltron", "FF-1x4", "", "", "south", ""),
    ("meter", "power-meter", "thorlabs-pm100d", "Thorlabs", "PM100D", "P0012345", "2.5.0", "south", "responsivity 1 ± 0.05 (k = 2), due 2027-06-01, certificate simulated"),
    ("stage", "temperature-controller", "thorlabs-tc200", "Thorlabs", "TC200", "", "1.0", "south", ""),
)  # fmt: skip


def declared() -> tuple[DeclaredRule, ...]:
    return tuple(
        DeclaredRule(indicator=name, title=title, limit=limit, unit=unit, rule=rule, gate=gate, limit_source="bench")
        for name, (title, limit, unit, rule, gate) in RULES.items()
    )


def verdict(log: EventLog, case: str, indicator: str, subject: str, outcome: str, reason: str, *numbers: float, **more: Any):
    """One verdict; ``numbers`` are estimate, low and high as far as there are any."""
    _, limit, unit, rule, gate = RULES[indicator]
    said = dict(zip(("estimate", "low", "high"), numbers, strict=False))
    said |= {"limit": limit, "unit": unit, "rule": rule, "gate": gate, "confidence": 0.95, "limit_source": "bench"} | more
    log.append("verdict", case, indicator=indicator, subject=subject, outcome=outcome, reason=reason, simulated=True, **said)


def fingerprint(*of: object) -> str:
    return hashlib.sha256(repr(of).encode()).hexdigest()


def link_run(folder: RunFolder, log: EventLog, case: str, *, seconds: int, cut: tuple[float, float] | None = None, qber=0.013):
    """A link run of so many seconds: blocks and series, dark while the fibre is cut."""
    rng = np.random.default_rng(int(fingerprint(case)[:8], 16))
    gates = (np.arange(seconds * 10) + 0.5) / 10
    dark = np.zeros(len(gates), dtype=bool) if cut is None else (gates > cut[0]) & (gates < cut[1])
    shares = {"z0": 0.41, "z1": 0.41, "x0": 0.09, "x1": 0.09}
    clicks = {
        name: rng.poisson(np.where(dark, 6.0 + 1.2 * share, 125_000 * share)) * 10.0 for name, share in shares.items()
    }
    ratios, rates, ends = [], [], []
    for number in range(seconds):
        touched = cut is not None and number < cut[1] and number + 1 > cut[0]
        inside = cut is not None and cut[0] <= number and number + 1 <= cut[1]
        errors = int(rng.binomial(890_000, qber))
        bits = 0 if touched else 505_000 + int(rng.integers(-3_000, 3_000))
        sifted = 120 if inside else 890_000
        sentence = (
            "no key: 252 clicks in this block, all while fiber_cut was in" if inside
            else "no key: the fibre was cut during this block" if touched
            else f"{bits:,} secret bits at {100 * qber:.2f} % QBER"
        )  # fmt: skip
        log.append(
            "block", case, link="metro", sequence=number, start_s=float(number), end_s=number + 1.0, live_s=0.98, released=not touched,
            detections=252 if inside else 1_254_000, sifted_key_bits=sifted, sifted_test_bits=10 if inside else 36_000,
            test_errors=5 if inside else 470, key_errors=None if inside else errors, disclosed_bits=0 if inside else 96_400,
            authentication_bits=512, secret_bits=bits, sentence=sentence, faults=["fiber_cut"] if touched else [],
            key_fingerprints=[] if touched else [fingerprint(case, number)],
        )  # fmt: skip
        ends.append(number + 1.0)
        ratios.append(float(np.nan if inside and number % 3 == 0 else 0.47 if inside else errors / 890_000))
        rates.append(float(bits))
    seconds_axis = np.arange(seconds + 1.0)
    series = {
        "qber_ratio": (np.array(ends), np.array(ratios)),
        "key_rate_bps": (np.array(ends), np.array(rates)),
        "counts_hz": (gates, sum(clicks.values())),
        **{f"{name}.counts_hz": (gates, counts) for name, counts in clicks.items()},
        "temperature_c": (seconds_axis, -40 + 0.02 * rng.standard_normal(len(seconds_axis))),
    }
    save_series(folder, case, "metro", series)


def passing_tests(folder: RunFolder, log: EventLog) -> None:
    case = "conformance.test_link::test_it_makes_key[metro]"
    link_run(folder, log, case, seconds=10)
    verdict(log, case, "qber", "metro", "PASS", "QBER 1.3 % (1.299 % to 1.301 %) from 115,700 errors in 8,900,000 sifted bits; below 2 %", 0.0130, 0.01294, 0.01306, n=8_900_000)
    verdict(log, case, "key_rate", "metro", "PASS", "505 kbit/s (503 kbit/s to 507 kbit/s) over 10 blocks, above 100 bit/s", 505_000.0, 503_000.0, 507_000.0, n=10)
    verdict(log, case, "contract_key_rate", "metro", "PASS", "505 kbit/s, above the contracted 412 kbit/s", 505_000.0, 503_000.0, 507_000.0, n=10)
    log.append("key", case, fingerprints=[fingerprint("key", n) for n in range(12)], bits=12 * 256, link="metro")
    log.append("test", case, outcome="PASS", duration_s=3.2, title="The link makes key at its contracted rate.")
    case = "conformance.test_detectors::test_counts[metro]"
    for place, name in enumerate(("z0", "z1", "x0", "x1")):
        predicted = 512_000.0 if place < 2 else 113_000.0
        verdict(log, case, "photon_counts", name, "PASS", f"{predicted:,.0f} cps predicted; within 10 %", predicted * 1.01, predicted * 0.96, predicted * 1.06, n=20, limit=predicted, unit="cps")
    log.append("test", case, outcome="PASS", duration_s=1.1, title="Each detector counts what the calibrations predict.")
    case = "smoke.test_identity::test_firmware"
    log.append("test", case, outcome="PASS", duration_s=0.031)


def troubled_tests(folder: RunFolder, log: EventLog) -> None:
    case = "conformance.test_detectors::test_dark_counts[metro]"
    verdict(log, case, "dark_counts", "x1", "FAIL", "dark counts 20,041 cps (19,900 cps to 20,180 cps) in 20 gates of 100 ms; above the limit of 100 cps", 20_041.0, 19_900.0, 20_180.0, n=40_082)
    verdict(log, case, "dark_counts", "z0", "INCONCLUSIVE", "dark counts 96 cps (84 cps to 109 cps): undecided against 100 cps, it takes about 19 s", 96.0, 84.0, 109.0, n=192)
    log.append("test", case, outcome="FAIL", reason="dark_counts of x1: 20,041 cps, above the limit of 100 cps", duration_s=2.2)
    case = "conformance.test_watch::test_availability[metro]"
    verdict(log, case, "link_availability", "metro", "INCONCLUSIVE", "10 of 10 slices good: 99.9 % takes 50 min", 1.0, 0.74, 1.0, n=10)
    log.append("test", case, outcome="SKIPPED", reason="not a gate of a short run: 99.9 % takes 50 min")
    case = "conformance.test_pairs::test_fidelity[metro]"
    verdict(log, case, "entanglement_fidelity", "metro", "SKIPPED", "a prepare-and-measure link shows no entanglement")
    log.append("test", case, outcome="SKIPPED", reason="a prepare-and-measure link shows no entanglement")
    case = "conformance.test_delivery::test_a_strange_key_id_is_refused"
    log.append("test", case, outcome="ERROR", reason="KME north did not answer on 127.0.0.1:40123 within 5 s\nexpected HTTP 400, got nothing\nis it running? see hil doctor", duration_s=5.01)
    log.append("latency", case, operation="key_ingestion", durations_s=[0.004 + 0.0001 * n for n in range(100)], link="metro")


def faults(folder: RunFolder, log: EventLog) -> None:
    case = "conformance.test_faults::test_fiber_cut[metro]"
    link_run(folder, log, case, seconds=30, cut=(8.4, 18.2))
    log.append("fault", case, fault="fiber_cut", target="switch", start_s=8.4, end_s=18.2, commanded="channel 4", healed=True, link="metro",
               evidence="counts fell from 1,253,900 cps to 252 cps", healing="counts back at 1,254,100 cps")
    log.append("note", case, text="detectors settled", time_s=2.5, link="metro")
    log.append("test", case, outcome="PASS", duration_s=8.7, title="A cut fibre gives no key, and the first whole block after healing does.")
    case = "conformance.test_faults::test_thermal_drift[metro]"
    link_run(folder, log, case, seconds=24, qber=0.014)
    for start, end, healed in ((4.0, 12.0, True), (10.0, 20.0, True), (21.0, 24.0, False)):
        log.append("fault", case, fault="thermal_drift", target="stage", start_s=start, end_s=end, commanded="+2 K", healed=healed, link="metro",
                   evidence="stage at 27.0 °C", healing="stage back at 25.0 °C" if healed else "")
    log.append("test", case, outcome="PASS", duration_s=4.4)


def recording(log: EventLog) -> None:
    case = "conformance.test_recording::test_pairs[pairs]"
    rng = np.random.default_rng(5)
    ticks = np.arange(-60, 61)
    histogram = 2 + rng.poisson(3, len(ticks)) + 700 * np.exp(-(((ticks - 1) / 1.3) ** 2)) + 80 * np.exp(-(((ticks + 17) / 5) ** 2))
    log.append("plot", case, title="Cross-correlation of all channels", x=ticks, y=np.round(histogram), x_label="Bob − Alice, bins of 156.25 ps", y_label="pairs",
               style="bars", marks=[{"x": 1, "label": "peak"}, {"x": -3, "label": "window opens"}, {"x": 5, "label": "window closes"}], link="pairs",
               sentences=["The peak stands 240 times above the floor."])
    log.append("table", case, title="Coincidences within the window", columns=["4", "5", "6", "7"], row_names=["0", "1", "2", "3"], row_title="Alice", column_title="Bob",
               rows=[[279, 1, 0, 2], [0, 341, 1, 0], [0, 0, 95, 0], [0, 0, 0, 59]], link="pairs",
               sentences=["One setting only: this supports an error rate, and no claim of a secret key."])
    log.append("test", case, outcome="PASS", duration_s=0.9)


def write_sample(root: Path, *, problems: bool = True) -> Path:
    """A finished run with one of everything; the folder's path."""
    folder = RunFolder.create(root, run_id="20260723T081530Z-3fa2c1")
    log = EventLog(folder, "gw0")
    for name, role, driver, vendor, model, serial, firmware, site, calibration in DEVICES:
        log.append("device", name=name, role=role, driver=driver, simulated=True, vendor=vendor, model=model, serial=serial, firmware=firmware,
                   site=site, calibration=calibration, bench="metro-25km")
    passing_tests(folder, log)
    troubled_tests(folder, log)
    faults(folder, log)
    recording(log)
    log.append("note", text="seed drawn, as none was given")
    if problems:
        with (folder.path / "events-gw1.jsonl").open("wb") as file:
            file.write(b'{"seq":0,"wall_s":1,"kind":"no')
    finish(folder, header())
    return folder.path


def header(**more: Any) -> RunHeader:
    said = {
        "bench": "metro-25km", "simulated": True, "seed": 7, "started": STARTED, "finished": STARTED + 61.5, "rules": declared(), "exit_code": 1,
        "bench_hash": fingerprint("bench"), "command": "pytest --hil-bench metro-25km --pyargs hil.suites.conformance", "labels": {"operator": "A. Lab", "commit": "88ae26e"},
    }  # fmt: skip
    return RunHeader(**said | more)


HOSTILE = "<script>alert('x')</script> & \"quotes\" \x1b[31mred\x07 ]]> {{ 7*7 }} | `tick` @someone \udc80"


def write_hostile(root: Path) -> Path:
    """A finished run in which every text a device or a test could say is an attack."""
    folder = RunFolder.create(root, run_id="20260723T081530Z-bad000")
    log = EventLog(folder, "gw0")
    case = f"conformance.test_bad::test_bad[{SAID}]"
    where = {"link": SAID}
    log.append("device", name=SAID, role=SAID, driver=SAID, simulated=False, vendor=SAID, model=SAID, serial=SAID, firmware=SAID, calibration=SAID)
    log.append("verdict", case, indicator=SAID, subject=SAID, outcome="FAIL", reason=SAID, estimate=1.0, limit=2.0, unit=SAID, rule=SAID, limit_source=SAID)
    log.append("fault", case, fault=SAID, target=SAID, start_s=1.0, end_s=2.0, commanded=SAID, evidence=SAID, healed=True, healing=SAID, **where)
    log.append("block", case, sequence=1, start_s=3.0, end_s=4.0, sentence=SAID, faults=[SAID], released=True, secret_bits=1, **where)
    log.append("note", case, text=SAID, time_s=1.5, **where)
    log.append("note", text=SAID)
    log.append("table", case, title=SAID, columns=[SAID], rows=[[SAID]], row_names=[SAID], row_title=SAID, column_title=SAID, sentences=[SAID], **where)
    log.append("plot", case, title=SAID, x=[0, 1], y=[1, None], x_label=SAID, y_label=SAID, marks=[{"x": 0.5, "label": SAID}], sentences=[SAID], **where)
    log.append("latency", case, operation=SAID, durations_s=[0.1], **where)
    log.append("key", case, fingerprints=[fingerprint("k")], **where)
    log.append("test", case, outcome="FAIL", reason=SAID, title=SAID)
    log.append("test", "conformance.test_bad::test_skipped", outcome="SKIPPED", reason=SAID)
    log.append("test", "conformance.test_bad::test_broken", outcome="ERROR", reason=SAID)
    rule = DeclaredRule(indicator=SAID, rule=SAID, title=SAID, link=SAID, limit_source=SAID)
    finish(folder, header(bench=SAID, labels={SAID: SAID}, versions={SAID: SAID}, command=SAID, rules=(rule,), bench_hash=SAID))
    return folder.path


SAID = HOSTILE.encode("utf-8", "replace").decode()  # a record is UTF-8; a lone half of a surrogate pair cannot enter it


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with one of everything."""
    return write_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose every text is an attack."""
    return write_hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def hostile_text() -> str:
    """The attack."""
    return SAID


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run of (kind, case, data) events and gives its folder."""

    def write(*events: tuple[str, str, dict[str, Any]], **more: Any) -> Path:
        folder = RunFolder.create(tmp_path)
        log = EventLog(folder, "main")
        for kind, case, data in events:
            log.append(kind, case, **data)
        finish(folder, header(**{"exit_code": None, "rules": ()} | more))
        return folder.path

    return write
