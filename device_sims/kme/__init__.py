"""Simulated key management entities: real software over real TLS, with keys of a simulated link."""

from ._certificates import CertificateAuthority, TlsFiles
from .etsi014 import RunningKmes, start_kme_pair

__all__ = ["CertificateAuthority", "RunningKmes", "TlsFiles", "start_kme_pair"]
