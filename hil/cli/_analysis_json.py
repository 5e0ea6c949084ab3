"""An analysed recording for programs; times in seconds, and nothing that is not a JSON number."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from hil.statistics.binomial import clopper_pearson
from hil.testbed.recordings.recording_claims import claims_not_supported, findings

if TYPE_CHECKING:
    from hil.drivers.recordings.gather import Gathered
    from hil.drivers.recordings.stream import TagFile
    from hil.pipeline.bell import Chsh
    from hil.testbed.recordings.recording_analysis import RecordingAnalysis

__all__ = ["as_json"]

_CONFIDENCE = 0.95


def as_json(seen: RecordingAnalysis, files: tuple[TagFile, ...], tags: Gathered) -> str:
    """One object; a number that does not exist is null."""
    channels, tick_s = seen.channels, seen.tick_s
    said = {
        "files": [
            {"path": str(file.path), "format": file.format, "tick_s": float(file.tick), "start_s": float(start * tags.tick)}
            for file, start in zip(files, tags.starts, strict=False)
        ],
        "passed_over": dict(tags.passed_over),
        "tick_s": tick_s,
        "duration_s": seen.duration_s,
        "singles": {
            "alice": dict(zip(channels.labels("a"), seen.singles_alice, strict=True)),
            "bob": dict(zip(channels.labels("b"), seen.singles_bob, strict=True)),
        },
        "delay_s": seen.delay_ticks * tick_s,
        "delay_ticks": seen.delay_ticks,
        "rate_ppm": seen.measured_rate_ppm,
        "rate_error_ppm": seen.rate_error_ppm,
        "wander_s": seen.clock.wander_ticks * tick_s,
        "peak": {"fwhm_s": seen.fwhm_ticks * tick_s, "jitter_s": seen.jitter_ticks * tick_s, "significance": seen.significance},
        "window_s": (2 * seen.half_window_ticks + 1) * tick_s,
        "half_window_ticks": seen.half_window_ticks,
        "pairs": seen.pairs,
        "accidentals": seen.accidentals[0],
        "accidentals_error": seen.accidentals[1],
        "coincidence_to_accidental_ratio": seen.ratio,
        "windows": [
            {
                "window_s": (2 * one.half_ticks + 1) * tick_s,
                "pairs": one.pairs,
                "accidentals": one.accidentals,
                "qber": one.errors / one.sifted if one.sifted else None,
            }
            for one in seen.windows
        ],
        "matrix": seen.matrix,
        "settings": [_setting(name, *counted) for name, counted in zip(channels.common, seen.groups, strict=True)],
        "sifted": _setting("all", *seen.sifted),
        "chsh": _chsh(seen, found) if (found := seen.chsh) is not None else None,
        "findings": findings(seen),
        "not_supported": claims_not_supported(seen),
    }
    return json.dumps(_finite(said), indent=1, ensure_ascii=False)


def _setting(name: str, errors: int, pairs: int) -> dict[str, Any]:
    found = clopper_pearson(errors, pairs, _CONFIDENCE, "two")
    return {
        "setting": name,
        "pairs": pairs,
        "errors": errors,
        "qber": found.estimate,
        "qber_low": found.low,
        "qber_high": found.high,
        "visibility": 1.0 - 2.0 * found.estimate,
        "visibility_low": 1.0 - 2.0 * found.high,
        "visibility_high": 1.0 - 2.0 * found.low,
        "confidence": _CONFIDENCE,
    }


def _chsh(seen: RecordingAnalysis, found: Chsh) -> dict[str, Any]:
    return {
        "s": found.value,
        "s_error": found.error,
        "settings_alice": [seen.channels.settings_a[number] for number in found.settings_a],
        "settings_bob": [seen.channels.settings_b[number] for number in found.settings_b],
        "signs": found.signs,
        "correlations": [one.value for one in found.correlations],
        "counts": [{"same": one.same, "opposite": one.opposite} for one in found.correlations],
    }


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
