"""Runs to report on, written through the record's own interface: one of everything, and a hostile one."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hil.record.model import DeclaredRule
from hil.record.writer import EventLog, RunFolder, RunHeader, finish, save_series

if TYPE_CHECKING:
    from collections.abc import Callable

STARTED = 1_784_794_530.0  # 2026-07-23T08:15:30Z
SAID = tomllib.loads(Path(__file__).with_name("sample_run.toml").read_text(encoding="utf-8"))
ATTACK = "<script>alert('x')</script> & \"quotes\" \x1b[31mred\x07 ]]> {{ 7*7 }} | `tick` @someone http://evil.example/"


def fingerprint(*of: object) -> str:
    return hashlib.sha256(repr(of).encode()).hexdigest()


def header(**more: Any) -> RunHeader:
    said: dict[str, Any] = {
        "bench": "metro-25km",
        "simulated": True,
        "seed": 7,
        "started": STARTED,
        "finished": STARTED + 61.5,
        "exit_code": None,
        "bench_hash": fingerprint("bench"),
        "command": "pytest --hil-bench metro-25km --pyargs hil.suites.conformance",
        "labels": {"operator": "A. Lab", "commit": "88ae26e"},
    }
    return RunHeader(**said | more)


def make_blocks(log: EventLog, case: str, seconds: int, cut: tuple[float, float] | None) -> tuple[list[float], list[float]]:
    """One block a second, none with key that the cut touches; the QBER and the secret bits of each."""
    rng = np.random.default_rng(5)
    ratios, rates = [], []
    for number in range(seconds):
        touched = cut is not None and number < cut[1] and number + 1 > cut[0]
        inside = cut is not None and cut[0] <= number and number + 1 <= cut[1]
        errors, bits = int(rng.binomial(890_000, 0.013)), 0 if touched else 505_000 + int(rng.integers(-3_000, 3_000))
        log.append(
            "block",
            case,
            link="metro",
            sequence=number,
            start_s=float(number),
            end_s=number + 1.0,
            live_s=0.98,
            detections=252 if inside else 1_254_000,
            sifted_key_bits=120 if inside else 890_000,
            sifted_test_bits=10 if inside else 36_000,
            test_errors=5 if inside else 470,
            key_errors=None if inside else errors,
            disclosed_bits=0 if inside else 96_400,
            authentication_bits=512,
            secret_bits=bits,
            released=not touched,
            sentence="no key: the fibre was cut during this block" if touched else f"{bits:,} secret bits at 1.3 % QBER",
            faults=["fiber_cut"] if touched else [],
            key_fingerprints=[] if touched else [fingerprint(case, number)],
        )
        ratios.append(float("nan") if inside and number % 3 == 0 else 0.47 if inside else errors / 890_000)
        rates.append(float(bits))
    return ratios, rates


def run_link(folder: RunFolder, log: EventLog, case: str, seconds: int, cut: tuple[float, float] | None = None) -> None:
    """A link run of so many seconds: blocks and series, dark while the fibre is cut."""
    rng = np.random.default_rng(6)
    ratios, rates = make_blocks(log, case, seconds, cut)
    gates, ends, whole = (np.arange(seconds * 10) + 0.5) / 10, np.arange(1.0, seconds + 1), np.arange(seconds + 1.0)
    dark = np.zeros(len(gates), dtype=bool) if cut is None else (gates > cut[0]) & (gates < cut[1])
    shares = {"z0": 0.41, "z1": 0.41, "x0": 0.09, "x1": 0.09}
    clicks = {name: rng.poisson(np.where(dark, 6.0, 125_000 * share)) * 10.0 for name, share in shares.items()}
    series = {
        "qber_ratio": (ends, np.array(ratios)),
        "key_rate_bps": (ends, np.array(rates)),
        "counts_hz": (gates, np.sum(list(clicks.values()), axis=0)),
        **{f"{name}.counts_hz": (gates, counts) for name, counts in clicks.items()},
        "temperature_c": (whole, -40 + 0.02 * rng.standard_normal(len(whole))),
    }
    save_series(folder, case, "metro", series)


def record_pairs(log: EventLog) -> None:
    """A correlation plot and a coincidence matrix (the counts beside the shared recording)."""
    case, link = "conformance.test_recording::test_pairs[pairs]", "pairs"
    ticks = np.arange(-60, 61)
    pairs = 3 + np.round(700 * np.exp(-(((ticks - 1) / 1.3) ** 2)) + 80 * np.exp(-(((ticks + 17) / 5) ** 2)))
    marks = [{"x": 1, "label": "peak"}, {"x": -3, "label": "window opens"}, {"x": 5, "label": "window closes"}]
    about = {"x_label": "Bob − Alice, bins of 156.25 ps", "y_label": "pairs", "sentences": ["The peak stands out."]}
    log.append("plot", case, title="Cross-correlation", x=ticks, y=pairs, style="bars", marks=marks, link=link, **about)
    matrix = [[279, 1, 0, 2], [0, 341, 1, 0], [0, 0, 95, 0], [0, 0, 0, 59]]
    names: dict[str, Any] = {"row_names": list("0123"), "row_title": "Alice", "column_title": "Bob"}
    limits = ["One setting only: this supports an error rate, and no claim of a secret key."]
    log.append("table", case, title="Coincidences", columns=list("4567"), rows=matrix, sentences=limits, link=link, **names)
    log.append("test", case, outcome="PASS", duration_s=0.9)


def write_sample(root: Path) -> Path:
    """A finished run with one of everything; the folder's path."""
    folder = RunFolder.create(root, run_id="20260723T081530Z-3fa2c1")
    log = EventLog(folder, "gw0")
    rules = {name: {"limit_source": "bench", "gate": True} | rule for name, rule in SAID["rule"].items()}
    for device in SAID["device"]:
        log.append("device", simulated=True, bench="metro-25km", **device)
    for said in SAID["test"]:
        test = dict(said)
        case, verdicts, faults = test.pop("case"), test.pop("verdicts", ()), test.pop("faults", ())
        for verdict in verdicts:
            rule = {name: value for name, value in rules[verdict["indicator"]].items() if name != "title"}
            log.append("verdict", case, simulated=True, confidence=0.95, **rule | verdict)
        for fault in faults:
            log.append("fault", case, link="metro", **fault)
        if faults or "makes_key" in case:
            run_link(folder, log, case, 30, (8.4, 18.2) if "fiber_cut" in case else None)
        log.append("test", case, **test)
    log.append("note", "conformance.test_faults::test_fiber_cut[metro]", text="detectors settled", time_s=2.5, link="metro")
    log.append("note", text="seed drawn, as none was given")
    log.append("latency", "smoke.test_identity::test_firmware", operation="identify", durations_s=[0.004, 0.005, 0.012])
    keys = [fingerprint("key", number) for number in range(12)]
    log.append("key", "conformance.test_link::test_it_makes_key[metro]", fingerprints=keys, bits=12 * 256, link="metro")
    record_pairs(log)
    (folder.path / "events-gw1.jsonl").write_text('{"seq":0,"wall_s":1,"kind":"no', encoding="utf-8")  # a worker that died
    finish(folder, header(rules=tuple(DeclaredRule(indicator=name, **rule) for name, rule in rules.items())))
    return folder.path


def write_hostile(root: Path) -> Path:
    """A finished run in which every text a device or a test could say is an attack."""
    folder = RunFolder.create(root, run_id="20260723T081530Z-bad000")
    log = EventLog(folder, "gw0")
    case, bad = f"conformance.test_bad::test_bad[{ATTACK}]", ATTACK
    device = dict.fromkeys(
        ("name", "role", "driver", "vendor", "model", "serial", "firmware", "site", "calibration", "bench"), bad
    )
    log.append("device", simulated=False, **device)
    words = dict.fromkeys(("indicator", "subject", "reason", "rule", "limit_source"), bad)
    log.append("verdict", case, outcome="FAIL", estimate=1.0, limit=2.0, unit="<b>|\x1b", **words)
    words = dict.fromkeys(("fault", "target", "commanded", "evidence", "healing", "link"), bad)
    log.append("fault", case, start_s=1.0, end_s=2.0, healed=True, **words)
    log.append(
        "block", case, sequence=1, start_s=3.0, end_s=4.0, sentence=bad, faults=[bad], released=True, secret_bits=1, link=bad
    )
    log.append("note", case, text=bad, time_s=1.5, link=bad)
    log.append("note", text=bad)
    words = dict.fromkeys(("title", "row_title", "column_title", "link"), bad)
    log.append("table", case, columns=[bad], rows=[[bad]], row_names=[bad], sentences=[bad], **words)
    words = dict.fromkeys(("title", "x_label", "y_label", "link"), bad)
    log.append("plot", case, x=[0, 1], y=[1, None], marks=[{"x": 0.5, "label": bad}], sentences=[bad], **words)
    log.append("latency", case, operation=bad, durations_s=[0.1], link=bad)
    log.append("key", case, fingerprints=[fingerprint("k")], link=bad)
    log.append("test", case, outcome="FAIL", reason=bad, title=bad)
    log.append("test", "conformance.test_bad::test_skipped", outcome="SKIPPED", reason=bad)
    log.append("test", "conformance.test_bad::test_broken", outcome="ERROR", reason=bad)
    save_series(
        folder, case, bad, {"qber_ratio": (np.arange(3.0), np.arange(3.0)), f"{bad}.counts_hz": (np.arange(3.0), np.ones(3))}
    )
    rule = DeclaredRule(indicator=bad, rule=bad, title=bad, link=bad, limit_source=bad)
    finish(folder, header(bench=bad, labels={bad: bad}, versions={bad: bad}, command=bad, rules=(rule,), bench_hash=bad))
    return folder.path


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with one of everything."""
    return write_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose every text is an attack."""
    return write_hostile(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def attack() -> str:
    """What every text of the hostile run is."""
    return ATTACK


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run of (kind, case, data) events, finishes it and gives its folder."""

    def write(*events: tuple[str, str, dict[str, Any]], **more: Any) -> Path:
        folder = RunFolder.create(tmp_path)
        log = EventLog(folder, "main")
        for kind, case, data in events:
            log.append(kind, case, **data)
        finish(folder, header(**more))
        return folder.path

    return write
