"""The objectives that a bench's links have in operation: its limits as shares of slices and of events.

Availability and key rate are budgeted in slices, error rates and latencies in occurrences. Indicators of acceptance (photon
counts, dead time, CHSH) have no budget: nobody runs them all the time.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from hil import discovery
from hil.errors import UsageError
from hil.operations.objective import Decision, Ratio, ServiceObjective, Threshold, object_name
from hil.operations.windows import Rolling, prometheus_duration
from hil.slo import declared_rule, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hil.bench.model import Bench, Link
    from hil.operations.objective import Method, NoData
    from hil.operations.windows import Window
    from hil.ports.objective import Objective

__all__ = ["labels_of", "objectives_of", "selector"]

_BUDGETED = (
    "link_availability",
    "key_rate",
    "contract_key_rate",
    "qber",
    "entanglement_fidelity",
    "key_ingestion",
    "auth_round_trip",
)
"""Indicators that have a budget, in the order of documents."""

_HALF = 0.5
"""A slice is up when the link was up in half of it: what a receiver's own log says of a minute."""

_BLOCKS = 2.0

_SAID = {"indicator", "limit", "unit", "confidence", "source"}
"""Fields of an objective that a decision has by themselves."""

_PERCENTILE = 0.95
"""Latencies are limited at their 95th percentile, so one in twenty may be longer."""


def objectives_of(
    bench: Bench, window: Window | None = None, slice_s: float = 60.0, speed: float = 1.0
) -> tuple[ServiceObjective, ...]:
    """Objectives of every link of a bench, links in the file's order. Rates are over a slice, of a time ``speed`` as fast.

    UsageError for a bench none of whose links is operated (recordings).
    """
    found = tuple(
        _objective(bench, link, indicator, window or Rolling(), (slice_s, speed))
        for link in bench.link
        for indicator in _of(bench.link[link])
    )
    if not found:
        raise UsageError(f"bench {bench.bench.name} has no link in operation; expected one that makes key or distributes pairs")
    return found


def labels_of(bench: Bench, link: str) -> dict[str, str]:
    """What every series, rule and alert of a link bears: bench, link, and the sites of its parties."""
    declared = bench.link[link]
    sites = [bench.device[declared.parties[party]].site for party in ("a", "b") if party in declared.parties]
    site = "-".join(dict.fromkeys(site for site in sites if site))
    return {"bench": bench.bench.name, "link": link} | ({"site": site} if site else {})


def selector(name: str, labels: Mapping[str, str], *more: str) -> str:
    """A PromQL selector of a link's series: ``name{bench="...",link="..."}``."""
    matchers = [f'{label}="{labels[label]}"' for label in ("bench", "link")]
    return f"{name}{{{','.join([*matchers, *more])}}}"


def _of(link: Link) -> Iterable[str]:
    if link.protocol == "recorded-pairs":
        return ()
    if link.protocol == "entanglement-swapping":
        return ("link_availability", "entanglement_fidelity")
    left_out = {
        "contract_key_rate": link.contract is None,
        "entanglement_fidelity": not link.entangled,
        "key_ingestion": not link.kmes,
    }
    return (name for name in _BUDGETED if not left_out.get(name, False))


def _objective(bench: Bench, link: str, indicator: str, window: Window, times: tuple[float, float]) -> ServiceObjective:
    slice_s, speed = times
    spec = discovery.find("indicator", indicator)
    own, labels = resolve(bench, link, spec), labels_of(bench, link)
    up = resolve(bench, link, discovery.find("indicator", "link_availability")).limit
    assert own.limit is not None
    assert up is not None
    method: Method = "Timeslices"
    target, no_data, slice_target = up, "bad", 1.0
    metric: Threshold | Ratio
    if indicator == "link_availability":
        metric, slice_target = Threshold(selector("qkd_link_up", labels), "gte", 1.0), _HALF
    elif indicator in {"key_rate", "contract_key_rate"}:
        counter = selector("qkd_secret_key_bytes_total", labels)
        # key comes block by block: a shorter look would find none between two of them
        back_s = max(slice_s / speed, _BLOCKS * bench.link[link].block_s)
        metric = Threshold(f"8 * rate({counter}[{prometheus_duration(back_s)}])", "gte", own.limit)
        slice_target = _HALF
    elif indicator == "entanglement_fidelity":
        metric, no_data = Threshold(selector("qkd_entanglement_fidelity_ratio", labels), "gte", own.limit), "exclude"
        slice_target = _HALF
    else:
        method, no_data = "Occurrences", "exclude"
        target = 1.0 - own.limit if indicator == "qber" else _PERCENTILE
        metric = _errors(labels) if indicator == "qber" else _latency(indicator, labels, own.limit)
    return ServiceObjective(
        name=object_name(link, indicator),
        title=f"{spec.title} of {link}",
        service=object_name(bench.bench.name, link),
        method=method,
        target=round(target, 12),
        window=window,
        metric=metric,
        slice_s=slice_s if method == "Timeslices" else 60.0,
        slice_target=slice_target,
        decision=Decision(
            indicator=indicator,
            rule=declared_rule(spec, own),
            confidence=own.confidence,
            limit=own.limit,
            unit=spec.unit,
            limit_source=own.source,
            no_data=_no_data(no_data),
            settings=_settings(own),
        ),
        labels=labels,
    )


def _settings(own: Objective) -> dict[str, str]:
    """What an objective declares of its decision beside limit and confidence: ``guard-band``, ``n-max``."""
    every = {info.name.replace("_", "-"): getattr(own, info.name) for info in fields(own) if info.name not in _SAID}
    return {name: str(value).lower() for name, value in every.items() if value is not None}


def _no_data(word: str) -> NoData:
    return "exclude" if word == "exclude" else "bad"


def _errors(labels: Mapping[str, str]) -> Ratio:
    """Every bit is an event."""
    return Ratio(
        bad=selector("qkd_sifted_symbol_errors_total", labels),
        total=selector("qkd_sifted_symbols_total", labels),
    )


def _latency(indicator: str, labels: Mapping[str, str], limit_s: float) -> Ratio:
    """Of a histogram with a bucket at the limit; exporters write its edge with a fraction or without."""
    family = {"key_ingestion": "qkd_key_ingest_duration_seconds", "auth_round_trip": "qkd_auth_rtt_seconds"}[indicator]
    edge = f"{limit_s:g}".replace(".", r"\\.")
    edges = f'le=~"{edge}(\\\\.0)?"' if "." not in edge else f'le="{limit_s:g}"'
    return Ratio(good=selector(f"{family}_bucket", labels, edges), total=selector(f"{family}_count", labels))
