"""What a test may say to each fault: target, settings with unit, default, range and source, and waveforms."""

from __future__ import annotations

from dataclasses import MISSING, fields
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from hil.ports.units import unit_of
from hil.ports.waveform import FORMS

if TYPE_CHECKING:
    from hil.ports.spec import FaultSpec

__all__ = ["described", "fault_lines"]

_INDENT = "    "


def described(spec: FaultSpec) -> dict[str, Any]:
    """As plain data. A setting without ``default`` is ``required``; a range is where it lies in practice, not all it may be."""
    return {
        "target_role": spec.target_role,
        "acts_on": spec.acts_on,
        "zero": spec.zero,
        "waveforms": list(FORMS) if spec.magnitude else ["step"],
        "waveform_scales": list(spec.magnitude),
        "settings": [_setting(spec, info) for info in fields(spec.settings)],
    }


def fault_lines(spec: FaultSpec, width: int) -> list[str]:
    """The same for people, so many columns wide."""
    told = described(spec)
    lines = [f"target: {told['target_role']}", f"acts on: {told['acts_on']}", f"zero: {told['zero']}"]
    lines += [_setting_line(setting) for setting in told["settings"]] or ["settings: none"]
    scaled = f", of {' and '.join(told['waveform_scales'])}" if spec.magnitude else " only"
    lines.append(f"waveforms: {', '.join(told['waveforms'])}{scaled}")
    return [
        piece
        for line in lines
        for piece in wrap(line, width, initial_indent=_INDENT, subsequent_indent=_INDENT + "  ", break_long_words=False)
    ]


def _setting(spec: FaultSpec, info: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"name": info.name, "unit": unit_of(info.name), "required": info.default is MISSING}
    if info.default is not MISSING:
        told["default"] = info.default
    if (reach := spec.ranges.get(info.name)) is not None:
        told["range"] = {"low": reach.low, "high": reach.high, "source": reach.source}
    return told


def _setting_line(told: dict[str, Any]) -> str:
    unit = f" ({told['unit']})" if told["unit"] else ""
    default = "to be given" if told["required"] else f"default {_word(told['default'])}"
    line = f"{told['name']}{unit}: {default}"
    if "range" in told:
        reach = told["range"]
        line += f"; in practice {reach['low']:g} to {reach['high']:g} [{reach['source']}]"
    return line


def _word(default: Any) -> str:
    if default is None or default == "":
        return "none"
    return f"{default:g}" if isinstance(default, float) else str(default)
