"""A key management entity shows a certificate that expired an hour ago: whoever connects anew has to refuse it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hil.faults._classical import KME_CHANNEL, classical
from hil.ports.spec import Finding

if TYPE_CHECKING:
    from hil.ports.spec import Readings

__all__ = ["SPEC", "CertificateExpired"]


@dataclass(frozen=True)
class CertificateExpired:
    """A certificate is in its time or it is not: there are no settings."""


def _shown(_settings: CertificateExpired, before: Readings, now: Readings) -> Finding:
    words = (
        f"{now['refused']:.0f} of 1 connections was refused, {now['expired']:.0f} as expired; {before['refused']:.0f} before"
    )
    return Finding(now["expired"] == 1.0, words)


def _healed(_settings: CertificateExpired, _during: Readings, now: Readings) -> Finding:
    return Finding(now["refused"] == 0.0, f"{now['refused']:.0f} of 1 connections is refused")


SPEC = classical(
    name="certificate-expired",
    title="A key management entity's certificate has expired (twins only)",
    settings=CertificateExpired,
    zero="It has no settings, so nothing can be zero: a certificate has expired or it has not.",
    acts_on="the certificate that the twin of a key management entity shows",
    moves=lambda _settings: {"certificate_expired": 1.0},
    shown=_shown,
    healed=_healed,
    target_role=KME_CHANNEL,
)
