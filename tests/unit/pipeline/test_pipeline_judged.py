"""The judge of other pipelines, given an honest export of this one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hil.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hil.pipeline.settings import DistillSettings
    from hil.ports.run import BlockReport


def export(report: BlockReport, **changes: Any) -> dict[str, Any]:
    """As a device that hides nothing would."""
    table = {(basis, number): (bits, errors) for number, basis, bits, errors in report.by_intensity}
    intensities = len(table) // 2
    key, test = ([table[basis, number] for number in range(intensities)] for basis in (0, 1))
    return {
        "block": report.sequence,
        "key_bits": report.secret_bits,
        "duration_s": report.end_s - report.start_s,
        "key_counts": [bits for bits, _ in key],
        "key_errors": [errors for _, errors in key] if report.key_errors is not None else None,
        "test_counts": [bits for bits, _ in test],
        "test_errors": [errors for _, errors in test],
        "disclosed_bits": report.disclosed_bits,
        "sifted_bits": report.sifted_key_bits + report.sifted_test_bits,
    } | changes


def write(file: Path, settings: DistillSettings, blocks: list[dict[str, Any]]) -> Path:
    """With what holds for every block beside them."""
    common = {
        "intensities": settings.source.intensities,
        "probabilities": settings.source.probabilities,
        "epsilon_secrecy": settings.epsilon_secrecy,
        "epsilon_correctness": settings.epsilon_correctness,
        "accounting": settings.leakage,
        "bounds": settings.bounds,
        "pulse_rate_hz": settings.source.pulse_rate_hz,
        "loss_db": 10,
    }
    file.write_text(json.dumps({**common, "blocks": blocks}))
    return file


@pytest.mark.parametrize(
    ("leakage", "code", "words"),
    [
        ("both-directions", 0, "PASS: the device was never more optimistic than allowed (1 SKIPPED, 2 PASS of 3)"),
        ("error-pattern", 11, "INCONCLUSIVE: cannot confirm that the device was never more optimistic"),
    ],
)
def test_an_honest_export_passes(  # noqa: PLR0917
    small: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], leakage: str, code: int, words: str
) -> None:
    """Blocks with key pass with both directions charged, one is not confirmed; a block too short for any claims none."""
    link = small()
    link = small(settings=replace(link.settings, leakage=leakage))
    reports = [
        link.run(**about)[0].report for about in ({"events": 40_000}, {"events": 30_000, "qber": 0.005}, {"events": 2_000})
    ]
    assert [report.released for report in reports] == [True, True, False]
    file = write(tmp_path / "ours.json", link.settings, [export(report) for report in reports])
    assert main(["judge", str(file)]) == code
    assert words in capsys.readouterr().out


def test_the_same_export_with_the_leakage_kept_fails(
    small: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not a bit of slack hides the parities: they are added to the key, and the judge finds them."""
    link = small()
    report = link.run()[0].report
    greedy = export(report, key_bits=report.secret_bits + report.disclosed_bits)
    assert main(["judge", str(write(tmp_path / "greedy.json", link.settings, [greedy]))]) == 1
    assert "FAIL          block 0: more optimistic than allowed" in capsys.readouterr().out
    always = export(link.run(events=2_000)[0].report, key_bits=256)
    assert main(["judge", str(write(tmp_path / "always.json", link.settings, [always]))]) == 1


@pytest.mark.parametrize("intensities", [(0.3, 0.1, 0.0), (0.3, 0.1)], ids=["two decoys", "one decoy"])
def test_exact_bounds_are_judged_by_exact_ones(
    small: Callable[..., Any], tmp_path: Path, intensities: tuple[float, ...]
) -> None:
    """An honest export passes, and is too long for the published bound; a bit more is too long for its own."""
    probabilities = (0.1, 0.6, 0.3) if len(intensities) == 3 else (0.3, 0.7)
    plain = small().settings
    source = replace(plain.source, intensities=intensities, probabilities=probabilities)
    link = small(settings=replace(plain, source=source, bounds="exact"))
    report = link.run(events=200_000, qber=0.004)[0].report
    assert report.released
    for settings, changes, code in (
        (link.settings, {}, 0),
        (link.settings, {"key_bits": report.secret_bits + 20}, 1),
        (replace(link.settings, bounds="published"), {}, 1),
    ):
        file = write(tmp_path / "exact.json", settings, [export(report, **changes)])
        assert main(["judge", str(file)]) == code
