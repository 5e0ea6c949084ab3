"""The HTML page: whole, closed in itself, escaped, and in the order a reviewer reads."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import hil.reports
from hil.record.reader import read_record
from hil.record.writer import EventLog, RunFolder, RunHeader, finish, save_series
from hil.reports.html import SPEC

VOID = {"meta", "link", "br", "hr", "img", "input", "wbr", "col", "source", "base", "area", "embed", "track"}
LOADING = {"src", "srcset", "poster", "data", "action", "background", "cite", "formaction", "ping", "xlink:href"}
TEMPLATES = Path(hil.reports.__path__[0]) / "templates"


class Page(HTMLParser):
    """A page taken apart: its elements, ids and text; AssertionError for a tag that is not closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str], str]] = []  # tag, attributes, nearest section's id
        self.cells: list[tuple[str, str, str]] = []  # section, column, text
        self.said: dict[str, list[str]] = {}  # text of each kind of element
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> says an attribute twice: {names}"
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found, self.section))
        if tag not in VOID:
            self._open.append((tag, found))
        if tag == "td":
            self.cells.append((self.section, found.get("data-label", ""), ""))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1][0] == tag, f"</{tag}> where <{self._open[-1][0]}> is open"
        self._open.pop()

    def handle_data(self, data):
        for tag, _ in self._open[-1:]:
            self.said.setdefault(tag, []).append(data)
        if any(tag == "td" for tag, _ in self._open):
            section, label, text = self.cells.pop()
            self.cells.append((section, label, text + data))

    @property
    def section(self) -> str:
        return next((found["id"] for tag, found in reversed(self._open) if tag == "section"), "")

    @property
    def text(self) -> str:
        return " ".join(" ".join(said) for tag, said in self.said.items() if tag not in {"script", "style"})

    def of_class(self, name: str) -> list[dict[str, str]]:
        return [found for _, found, _ in self.elements if name in found.get("class", "").split()]

    def column(self, section: str, label: str) -> list[str]:
        return [" ".join(text.split()) for where, said, text in self.cells if (where, said) == (section, label)]


@pytest.fixture(scope="module")
def page(sample) -> Page:
    return Page(SPEC.write(sample).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def attacked(hostile) -> Page:
    return Page(SPEC.write(hostile).read_text(encoding="utf-8"))


@pytest.mark.parametrize("which", ["sample", "hostile"])
def test_the_page_loads_nothing_from_anywhere(which, request):
    """No element or style asks for a resource, and links lead inside the page."""
    text = SPEC.write(request.getfixturevalue(which)).read_text(encoding="utf-8")
    found = Page(text)
    for tag, attributes, _ in found.elements:
        assert tag not in {"link", "iframe", "object", "embed", "img", "base", "form", "use", "image"}
        assert not LOADING & set(attributes), (tag, attributes)
        assert attributes.get("href", "#").startswith("#")
        assert "url(" not in attributes.get("style", "")
    (style,) = found.said["style"]
    assert "@import" not in style
    assert not re.findall(r"url\((?!#)", style + text.partition("</style>")[2].partition("<body>")[0])
    assert [attributes for tag, attributes, _ in found.elements if tag == "script"] == [{}]


@pytest.mark.parametrize("which", ["page", "attacked"])
def test_every_link_has_its_target_and_every_id_is_one(which, request):
    """Also of the attacked page: an id is never made of what a device said."""
    found: Page = request.getfixturevalue(which)
    ids = [attributes["id"] for _, attributes, _ in found.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["href"][1:] for tag, attributes, _ in found.elements if tag == "a"} <= set(ids)


def test_text_stays_text(attacked, attack):
    """What devices and tests said makes no element, attribute or template expression; no control character passes."""
    (script,) = attacked.said["script"]
    assert script.strip() == (TEMPLATES / "script.js").read_text(encoding="utf-8").strip()
    attributes = {name for _, found, _ in attacked.elements for name in found}
    assert not [name for name in attributes if name.startswith("on") or not re.fullmatch(r"[a-zA-Z0-9-]+", name)]
    shown = attack.replace("\x1b", "\N{REPLACEMENT CHARACTER}").replace("\x07", "\N{REPLACEMENT CHARACTER}")
    assert attacked.text.count(shown) > 30
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", attacked.text)


def test_it_reads_in_the_order_of_a_review(page):
    """Identity, verdicts, what is wrong, curves, faults, recordings, then what backs them."""
    sections = [attributes["id"] for tag, attributes, _ in page.elements if tag == "section"]
    assert sections == [
        *("bench", "verdicts", "unresolved", "runs", "faults", "recordings"),
        *("latencies", "keys", "devices", "tests", "rules", "files", "problems"),
    ]
    assert "1 of 8 gates missed: dark count rate of x1" in page.text
    assert "SIMULATED" in page.said["strong"]


def test_identity_is_complete(page, sample):
    record = read_record(sample)
    for said in (record.run_id, record.bench_hash, str(record.seed), record.started, record.command, "A. Lab", "88ae26e"):
        assert said in page.text
    for name, version in record.versions.items():
        assert f"{name} {version}" in page.text
    for file in record.files:
        assert file.sha256 in page.text
    assert "is cut short" in page.text  # the worker that died


def test_the_verdict_table_holds_every_verdict(page):
    """In the order of the declared rules; bounds, limits and margins as worked out by hand from the sample's numbers."""
    assert page.column("verdicts", "estimate, interval") == [
        "505.0 kbit/s503.0 to 507.0",
        "505.0 kbit/s503.0 to 507.0",
        "1.300 %1.294 to 1.306",
        "20.04 kcps19.90 to 20.18",
        "96 cps84 to 109",
        "114 kcps108 to 120",
        "517 kcps492 to 543",
        "100 %74 to 100",
        "–",
    ]
    assert page.column("verdicts", "limit") == [
        "≥ 100 bit/sfrom the bench",
        "≥ 412 kbit/sfrom the contract",
        "< 2 %from the bench",
        "< 100 cpsfrom the bench",
        "< 100 cpsfrom the bench",
        "113 kcps ± 10 %from the bench",
        "512 kcps ± 10 %from the bench",
        "≥ 99.9 %from the bench",
        "90 %from the bench",
    ]
    against = page.column("verdicts", "against the limit")
    assert against[1].endswith("limit 412 kbit/s +22 %")  # (503,000 - 412,000) / 412,000
    assert against[2].endswith("limit 2 % +35 %")  # (0.02 - 0.01306) / 0.02
    assert against[4].endswith("limit 100 cps -9.0 %")  # (100 - 109) / 100
    assert page.column("verdicts", "n") == ["10", "10", "8,900,000", "40,082", "192", "20", "20", "10", "–"]
    outcomes = page.column("verdicts", "outcome")
    assert [text.strip("✓✕?–") for text in outcomes] == [
        *("PASS", "PASS", "PASS", "FAIL", "INCONCLUSIVE", "PASS", "PASS", "INCONCLUSIVEnot a gate", "SKIPPED"),
    ]


def test_an_outcome_is_told_by_word_and_sign_too(page):
    """Never by colour alone."""
    signs = {"PASS": "✓", "FAIL": "✕", "ERROR": "!", "INCONCLUSIVE": "?", "SKIPPED": "–"}
    seen = set(page.column("tests", "outcome"))
    assert seen == {f"{signs[word]}{word}" for word in ("PASS", "FAIL", "ERROR", "SKIPPED")}


def test_fault_windows_lie_where_they_were(page):
    """Bench time from 0 to 30 s: the cut from 8.4 to 18.2 s begins at 28 % and is 32.667 % wide; 11 blocks had no key."""
    first = page.of_class("band")[0]["style"]
    assert first == "left:28.0%;width:32.667%"
    titles = [found.get("title", "") for found in page.of_class("none") if "title" in found]
    assert len(titles) == 11
    assert titles[0] == "block 8, 8 s to 9 s: no key: the fibre was cut during this block"
    assert len([found for found in page.of_class("made") if "title" in found]) == 30 - 11 + 60
    assert [found["class"] for found in page.of_class("band") if "unhealed" in found["class"]] == ["band unhealed"]


def test_tests_with_faults_come_first_and_open(page):
    runs = page.of_class("run")
    assert ["open" in found for found in runs] == [True, True, False]
    names = [text for text in page.said["span"] if text.startswith("test_") and text.endswith("]")]
    assert (
        names.index("test_fiber_cut[metro]")
        < names.index("test_thermal_drift[metro]")
        < names.index("test_it_makes_key[metro]")
    )


def test_what_is_wrong_is_told_worst_first(page):
    """Gates and tests by severity, then what is no gate."""
    classes = [attributes["class"] for tag, attributes, section in page.elements if section == "unresolved" and tag == "li"]
    assert classes[:5] == ["FAIL", "ERROR", "INCONCLUSIVE", "SKIPPED", "INCONCLUSIVE"]
    assert classes[5:] == ["SKIPPED"] * 2  # the skipped tests, by reason


def test_faults_come_before_the_alphabet(write_run):
    """Then the worst, then names."""
    block = {"sequence": 0, "start_s": 0.0, "end_s": 1.0, "link": "metro"}
    fault = {"fault": "fiber_cut", "target": "switch", "start_s": 0.0, "end_s": 1.0, "link": "metro"}
    events = [("block", f"c::{name}", block) for name in "abz"] + [("fault", "c::z", fault)]
    events += [("test", f"c::{name}", {"outcome": "FAIL" if name == "b" else "PASS"}) for name in "abz"]
    found = Page(SPEC.write(write_run(*events)).read_text(encoding="utf-8"))
    assert [name for name in found.said["span"] if name in {"a", "b", "z"}][:3] == ["z", "b", "a"]


def test_recovery_is_measured(page):
    """Healed at 18.2 s, the first whole block with key ends at 20 s."""
    assert page.column("faults", "first key")[0] == "first key 1.8 s after healing, block 19"
    assert page.column("faults", "first key")[3] == "not seen to be healed"
    assert "9.8 s; 11 blocks touched, none with key" in page.column("faults", "in, by readback")[0]


def test_a_recording_shows_its_plot_and_matrix(page):
    heat = [found["style"] for tag, found, section in page.elements if tag == "td" and section == "recordings"]
    assert len(heat) == 16
    assert "--heat:0.818" in heat[0]  # 279 / 341
    assert heat.count("--heat:1.0") == 1
    assert "no claim of a secret key" in page.text
    assert "window opens (-3)" in page.text


def test_a_series_that_cannot_be_read_is_said_and_the_page_stands(sample, tmp_path):
    """The record names the file; what is in it is gone."""
    import shutil

    run = tmp_path / "run"
    shutil.copytree(sample, run)
    for file in (run / "telemetry").glob("*fiber_cut*"):
        file.write_bytes(b"no zip")
    found = Page(SPEC.write(run).read_text(encoding="utf-8"))
    assert "cannot read the series" in found.text
    assert str(tmp_path) not in found.text
    assert len(found.of_class("run")) == 3


def test_an_empty_run_says_so(write_run):
    found = Page(SPEC.write(write_run(simulated=False)).read_text(encoding="utf-8"))
    assert "Nothing was decided" in found.text
    assert "No verdict was reached." in found.text
    assert "No test ran." in found.text
    assert "REAL" in found.said["strong"]


def test_a_mixed_bench_is_called_mixed(write_run):
    devices = [("device", "", {"name": name, "simulated": simulated}) for name, simulated in (("a", True), ("b", False))]
    assert "MIXED" in Page(SPEC.write(write_run(*devices)).read_text(encoding="utf-8")).said["strong"]


def test_a_long_run_stays_light_and_keeps_its_spikes(tmp_path):
    """A million points in 20 tests, drawn below 2 MB; the one high point of a curve is still at the top of its panel."""
    folder = RunFolder.create(tmp_path)
    log = EventLog(folder, "gw0")
    times = np.arange(12_500) / 10
    for number in range(20):
        case = f"conformance.test_long::test_long[{number}]"
        values = np.full(len(times), 50.0)
        values[6_789] = 60.0
        save_series(folder, case, "metro", dict.fromkeys(("temperature_c", "a.x_v", "b.x_v", "c.x_v"), (times, values)))
        for block in range(200):
            log.append("block", case, sequence=block, start_s=6.0 * block, end_s=6.0 * block + 6, released=True, link="metro")
        log.append("test", case, outcome="PASS")
    finish(folder, RunHeader(bench="b", simulated=True, seed=1, started=1.7e9, finished=1.7e9))
    path = SPEC.write(folder.path)
    assert path.stat().st_size < 2_000_000
    curves = [found["d"] for found in Page(path.read_text(encoding="utf-8")).of_class("curve") if "data-key" in found]
    assert len(curves) == 80
    # the panel runs from 50 - 1 to 60 + 1, so that 60 stands at 1/12 of 100
    assert all(
        min(float(y) for y in re.findall(r"[ML]\S+ (\S+?)(?=L|$)", curve)) == pytest.approx(100 / 12, abs=0.01)
        for curve in curves
    )
    assert "in record.json" in path.read_text(encoding="utf-8")
