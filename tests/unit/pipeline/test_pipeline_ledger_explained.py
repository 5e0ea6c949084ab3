"""The explained ledger of real blocks: all of them add up, and none does once a single number is another."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from hil.cli import main
from hil.record.writer import EventLog, RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hil.ports.run import BlockReport

CASE = "conformance.test_link::test_key[rack-metro]"


def _fields(report: BlockReport) -> dict[str, Any]:
    return {entry.name: getattr(report, entry.name) for entry in dataclasses.fields(report)}


@pytest.fixture
def ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Writes blocks as a run does, and explains them."""

    def explain(*blocks: dict[str, Any], options: tuple[str, ...] = ()) -> tuple[int, str]:
        folder = RunFolder.create(tmp_path)
        for block in blocks:
            EventLog(folder, "main").append("block", CASE, link="metro", **block)
        code = main(["ledger", str(folder.path), *options])
        said = capsys.readouterr()
        return code, said.out + said.err

    return explain


@pytest.fixture
def released(small: Callable[..., Any]) -> dict[str, Any]:
    """The fields of a block that gave key."""
    return _fields(small().run()[0].report)


def test_blocks_of_every_fate_add_up(small: Callable[..., Any], ledger: Callable[..., tuple[int, str]]) -> None:
    """With key, without any click, too short, full of errors, in a fault alone, cut in the middle."""
    link = small()
    fates = (
        {},
        {"events": 0},
        {"events": 300},
        {"qber": 0.2},
        {"only_in_fault": True, "faults": ("fiber-cut",)},
        {"interceptor": lambda message: [message.data] if message.number < 6 else []},
    )
    reports = [link.run(**about)[0].report for about in fates]
    assert [report.released for report in reports] == [True, *[False] * 5]
    code, said = ledger(*map(_fields, reports))
    assert code == 0, said
    assert "6 of 6 blocks shown, 1 with key, 0 that do not add up" in said
    assert all(report.sentence in said for report in reports)


def test_a_block_is_explained_in_full(released: dict[str, Any], ledger: Callable[..., tuple[int, str]]) -> None:
    """Every line, the error rate with its interval, both directions, epsilons and the sums."""
    code, said = ledger(released)
    assert code == 0
    assert all(entry.what in said for entry in released["ledger"])
    for words in (
        f"errors of {released['sifted_key_bits']:,}",
        "(95 %: ",
        "correction, Alice to Bob: parities",
        "correction, Bob to Alice: counts of errors",
        "secrecy + correctness + authentication",
        "= bits allowed by the proof",
        "= bits of delivered keys",
        "adds up (6 sums)",
    ):
        assert words in said


_LINES = (
    ("sifting", "announced"),
    ("sifting", "dropped: measured"),
    ("sifting", "sifted, key basis"),
    ("sifting", "sifted, test basis"),
    ("estimation", "errors of the test basis"),
    ("estimation", "single-photon events"),
    ("correction", "parities disclosed by Alice"),
    ("correction", "errors corrected"),
    ("correction", "charged to the key"),
    ("verification", "hash disclosed"),
    ("authentication", "one-time keys"),
    ("amplification", "allowed by the proof"),
    ("amplification", "secret bits"),
    ("release", "into the authentication pool"),
    ("release", "keys of"),
    ("release", "left over"),
)


@pytest.mark.parametrize(("stage", "beginning"), _LINES, ids=lambda words: words)
def test_a_changed_line_is_found(
    released: dict[str, Any], ledger: Callable[..., tuple[int, str]], stage: str, beginning: str
) -> None:
    """One line 400 higher, and the block does not add up."""
    lines = [
        dataclasses.replace(entry, value=entry.value + 400)
        if (entry.stage, entry.what.startswith(beginning)) == (stage, True)
        else entry
        for entry in released["ledger"]
    ]
    assert lines != list(released["ledger"])
    code, said = ledger(released | {"ledger": tuple(lines)})
    assert code == 10
    assert "THIS BLOCK DOES NOT ADD UP" in said


@pytest.mark.parametrize(("stage", "beginning"), _LINES[5:7] + _LINES[8:15], ids=lambda words: words)
def test_a_line_left_out_is_found(
    released: dict[str, Any], ledger: Callable[..., tuple[int, str]], stage: str, beginning: str
) -> None:
    """A released block whose sums cannot be made does not add up either."""
    lines = [entry for entry in released["ledger"] if (entry.stage, entry.what.startswith(beginning)) != (stage, True)]
    code, said = ledger(released | {"ledger": tuple(lines)})
    assert code == 10
    assert f"released without the line: {stage}, {beginning}" in said


@pytest.mark.parametrize(("more", "code"), [(7, 10), (8, 0), (14, 0), (15, 10)])
def test_clicks_of_one_pulse(released: dict[str, Any], ledger: Callable[..., tuple[int, str]], more: int, code: int) -> None:
    """Three pulses across bases had two to four clicks each, two within a basis one click more than the event."""
    told = {"clicks": more, "dropped: clicks in both bases": 3, "random bit: several clicks in one basis": 2}
    lines = tuple(dataclasses.replace(entry, value=entry.value + told.get(entry.what, 0)) for entry in released["ledger"])
    assert ledger(released | {"ledger": lines, "detections": released["detections"] + more})[0] == code


@pytest.mark.parametrize(
    "field",
    ["detections", "sifted_key_bits", "test_errors", "key_errors", "disclosed_bits", "authentication_bits", "secret_bits"],
)
def test_a_changed_number_of_the_block_is_found(
    released: dict[str, Any], ledger: Callable[..., tuple[int, str]], field: str
) -> None:
    """The block's own number one higher than its ledger's."""
    assert ledger(released | {field: released[field] + 1})[0] == 10


def test_leakage_that_is_not_charged_is_found(small: Callable[..., Any], ledger: Callable[..., tuple[int, str]]) -> None:
    """A chain-rule accounting that leaves out what Bob told does not add up; one that says so does."""
    link = small()
    one_sided = small(settings=dataclasses.replace(link.settings, leakage="error-pattern"))
    released = _fields(one_sided.run()[0].report)
    code, said = ledger(released)
    assert code == 0
    assert "correction, Bob to Alice: parities, not charged (see accounting)" in said
    assert "assumes correction charged in one direction, for comparison: unproven here" in said
    lines = tuple(
        dataclasses.replace(entry, what="charged to the key (chain rule)") if "charged" in entry.what else entry
        for entry in released["ledger"]
    )
    code, said = ledger(released | {"ledger": lines})
    assert code == 10
    assert "disclosed: " in said


def test_blocks_are_chosen_by_case_and_number(released: dict[str, Any], ledger: Callable[..., tuple[int, str]]) -> None:
    """What fits neither is said together with what is there."""
    other = released | {"sequence": 7}
    assert "1 of 2 blocks shown" in ledger(released, other, options=("--block", "7", "--case", "test_key"))[1]
    code, said = ledger(released, other, options=("--case", "nowhere"))
    assert code == 4
    assert f"7 of {CASE}" in said


def test_a_line_that_is_lost_is_said(released: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cut line may have been a block; a run without any block is a mistake of the user."""
    folder = RunFolder.create(tmp_path)
    log = EventLog(folder, "main")
    assert main(["ledger", str(folder.path)]) == 4
    log.append("block", CASE, **released)
    with log.path.open("a") as file:
        file.write(json.dumps({"seq": 2})[:-1])
    assert main(["ledger", str(folder.path)]) == 10
    assert "is cut short" in capsys.readouterr().out


ONE_DECOY = {"intensities": (0.3, 0.1), "probabilities": (0.3, 0.7)}


@pytest.mark.parametrize("source", [{}, ONE_DECOY], ids=["two decoys", "one decoy"])
@pytest.mark.parametrize("bounds", ["published", "exact"])
@pytest.mark.parametrize("ratio", [1.0, 0.95])
def test_blocks_of_every_proof_add_up(
    small: Callable[..., Any], ledger: Callable[..., tuple[int, str]], source: dict[str, Any], bounds: str, ratio: float
) -> None:
    """What the epsilons cost is worked out again from the name of the proof; another price is found."""
    plain = small().settings
    settings = dataclasses.replace(
        plain, source=dataclasses.replace(plain.source, **source), bounds=bounds, efficiency_ratio=ratio
    )
    released = _fields(small(settings=settings).run(events=400_000, qber=0.004)[0].report)
    assert released["released"], released["sentence"]
    code, said = ledger(released)
    assert code == 0, said
    assert "price of the epsilons" in said
    assert ("chance that a bound fails, each of" in said) == (bounds == "exact")
    lines = tuple(
        dataclasses.replace(entry, value=entry.value - 3.0) if entry.what == "price of the epsilons" else entry
        for entry in released["ledger"]
    )
    code, said = ledger(released | {"ledger": lines})
    assert code == 10
    assert "price of the epsilons, in bits" in said
