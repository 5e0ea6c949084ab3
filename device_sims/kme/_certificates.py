"""A certificate authority for one run: made at start, gone at the end, trusted by nobody else.

An identity stands in a certificate twice: as the common name, and as a URI (``urn:qkd:sae:...``, ``urn:qkd:kme:...``) in the
subject's alternative names. Certificates are as real as those of a lab, so their dates are by the system's clock.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["SAE_URI", "CertificateAuthority", "TlsFiles"]

SAE_URI = "urn:qkd:sae:"
_KME_URI = "urn:qkd:kme:"
_LIFETIME = timedelta(days=2)
_CLOCK_SKEW = timedelta(minutes=5)


class TlsFiles(NamedTuple):
    """What one side of a mutual TLS connection needs: PEM files."""

    ca: Path
    certificate: Path
    private_key: Path


class CertificateAuthority:
    """Signs certificates of KMEs (servers), SAEs (clients) and ends of a classical channel.

    They go into a folder of its own, readable by its owner only.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="hil-kme-", dir=directory))
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Test authority of one run")
        builder = self._builder(self._name, self._key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._certificate = builder.add_extension(_usage(ca=True), critical=True).sign(self._key, hashes.SHA256())
        self.ca_file = self._write("ca.pem", self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue_kme(self, kme_id: str, host: str = "127.0.0.1", until: datetime | None = None) -> TlsFiles:
        """A server certificate for a KME at that IP address; valid for a while, or ``until`` a time that may be over."""
        names = [
            x509.IPAddress(ipaddress.ip_address(host)),
            x509.DNSName("localhost"),
            x509.UniformResourceIdentifier(_KME_URI + quote(kme_id, safe="")),
        ]
        return self._issue(kme_id, names, [ExtendedKeyUsageOID.SERVER_AUTH], until)

    def issue_sae(self, sae_id: str) -> TlsFiles:
        """A client certificate for an application."""
        return self._issue(
            sae_id, [x509.UniformResourceIdentifier(SAE_URI + quote(sae_id, safe=""))], [ExtendedKeyUsageOID.CLIENT_AUTH]
        )

    def issue_party(self, name: str, until: datetime | None = None) -> TlsFiles:
        """A certificate for one end of a classical channel, which may listen or call; its name is a DNS name."""
        return self._issue(
            name, [x509.DNSName(name)], [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH], until
        )

    def close(self) -> None:
        """Remove every file; a second call does nothing."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _issue(
        self,
        identity: str,
        names: list[x509.GeneralName],
        purposes: list[x509.ObjectIdentifier],
        until: datetime | None = None,
    ) -> TlsFiles:
        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            self._builder(_name(identity), key.public_key(), until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(authority, critical=False)
            .add_extension(_usage(ca=False), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        stem = f"{certificate.serial_number:x}"
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return TlsFiles(
            self.ca_file,
            self._write(f"{stem}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
            self._write(f"{stem}.key", private),
        )

    def _builder(
        self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey, until: datetime | None = None
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        end = now + _LIFETIME if until is None else until
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(min(now, end) - _CLOCK_SKEW)
            .not_valid_after(end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )

    def _write(self, name: str, content: bytes) -> Path:
        path = self.directory / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        return path


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
