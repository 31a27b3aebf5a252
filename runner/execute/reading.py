"""Certificates and PKCS #10 requests in files, read by everybody who needs them; errors name the file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import CmpBatchError, KeyStoreError
from runner.keystores.files import read_file
from runner.pki.certificates import certificates_in

if TYPE_CHECKING:
    from runner.pki.certificates import Certificate
    from runner.pki.certification_requests import CertificationRequest


def read_certificates(path: str) -> tuple[Certificate, ...]:
    """All certificates in a file. KeyStoreError names the file."""
    octets = read_file(Path(path))
    try:
        return certificates_in(octets)
    except CmpBatchError as problem:
        raise KeyStoreError(
            f"{path}: {problem.what}", why=problem.why, next_step="give a certificate in PEM or DER"
        ) from problem


def read_request(path: str) -> CertificationRequest:
    """The PKCS #10 request in a file. KeyStoreError names the file."""
    from runner.pki.certification_requests import request_in  # noqa: PLC0415 - few plans have one, and all start sooner

    octets = read_file(Path(path))
    try:
        return request_in(octets)
    except CmpBatchError as problem:
        raise KeyStoreError(
            f"{path}: {problem.what}", why=problem.why, next_step="give a PKCS #10 request in PEM or DER"
        ) from problem
