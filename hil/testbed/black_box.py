"""A run of a link that shows nothing but keys and telemetry (L0): what it claims, second by second, and what it delivered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

from hil.ports.run import LinkRun
from hil.testbed.sampling import Sampler

if TYPE_CHECKING:
    from hil.ports.roles import BlackBoxTransceiver
    from hil.record.series import Series
    from hil.testbed.link import Link
    from hil.testbed.steps import Steps

__all__ = ["run"]

_CLAIMS = ("qber_ratio", "key_rate_bps", "counts_hz", "temperature_c", "sifted_bits")


def run(link: Link, duration_s: float) -> Steps[LinkRun]:
    """Wait for the device's next whole second, as it tells of whole ones, then listen for the run's length."""
    a, b = cast("BlackBoxTransceiver", link.transmitter), cast("BlackBoxTransceiver", link.receiver)
    clock = link.testbed.clock
    yield -link.receiver.device_time_ns() % 1_000_000_000 / 1e9
    link.keep(a.take_keys(), b.take_keys())  # of before, not of this run
    start_s = link.testbed.now_s()
    with Sampler(clock, 1.0, lambda: _finite(b.telemetry()), at_once=False) as telemetry:
        yield duration_s
    end_s = link.testbed.now_s()
    bits = link.keep(a.take_keys(), b.take_keys())
    series = dict(telemetry.series())
    claimed = _claimed(series)
    series.pop("sifted_bits", None)
    return LinkRun(
        link=link.name,
        level=link.level,
        simulated=link.simulated,
        start_s=start_s,
        end_s=end_s,
        blocks=(),
        net_secret_bits=bits,
        counts={},
        gate_s=0.0,
        prediction=link.prediction,
        faults=link.windows.touching(start_s, end_s),
        series=series,
        claimed=claimed,
        source=link.source,
    )


def _finite(telemetry: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in telemetry.items() if name in _CLAIMS and math.isfinite(value)}


def _claimed(series: Series) -> dict[str, float]:
    """The run's figures from those of its seconds: sums of bits, an error rate by errors, means of rates."""
    claims = {name: float(values.mean()) for name, (_, values) in series.items() if len(values)}
    if "sifted_bits" in series:
        bits = _at(series, "sifted_bits")
        claims["sifted_bits"] = float(sum(bits.values()))
        ratios = _at(series, "qber_ratio") if "qber_ratio" in series else {}
        known = sum(bits[time_s] for time_s in ratios)
        if known:
            claims["qber_ratio"] = sum(ratio * bits[time_s] for time_s, ratio in ratios.items()) / known
    return claims


def _at(series: Series, name: str) -> dict[float, float]:
    times_s, values = series[name]
    return dict(zip(times_s.tolist(), values.tolist(), strict=True))
