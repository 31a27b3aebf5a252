"""A Run as JSON, in the shape of schemas/report.schema.json: what other programs read.

Version 1 only grows by new optional keys; anything else is a new schema_version. Text stands here as it came from
the CA and the manifest: whoever shows it cleans it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner import __version__
from runner.report.canonical import rfc3339
from runner.report.digests import with_digests
from runner.report.rows import Rows

if TYPE_CHECKING:
    from runner.execute.results import CertificateSummary, Failure, Result, Run

SCHEMA_VERSION = 1


def run_to_json(run: Run) -> dict[str, Any]:
    """The whole report as plain data, ready for canonical_json; its items are made when they are looked at."""
    return with_digests(
        {
            "schema_version": SCHEMA_VERSION,
            "tool": {"name": "cmp-batch", "version": __version__},
            "run": {
                "id": run.id,
                "manifest": run.manifest,
                "started": rfc3339(run.started),
                "finished": rfc3339(run.finished),
                "interrupted": run.interrupted,
            },
            "summary": run.counts(),
            "items": Rows(run.results, _item),
        }
    )


def _item(result: Result) -> dict[str, object]:
    return {
        "name": result.name,
        "operation": result.operation,
        "outcome": result.outcome.value,
        "certificate": certificate_to_json(result.certificate, result.certificate_path),
        "key": _key(result),
        "pki_status": result.pki_status,
        "fail_info": list(result.fail_info),
        "status_text": result.status_text,
        "status_from": result.status_from,
        "warnings": list(result.warnings),
        "attempts": result.attempts,
        "duration_seconds": round(result.duration, 6),
        "ended": rfc3339(result.ended) if result.ended else None,
        "error": _error(result.failure),
        "hooks": [
            {
                "hook": run.hook,
                "command": run.command,
                "problem": run.problem,
                "output": run.output,
                "duration_seconds": round(run.duration, 6),
            }
            for run in result.hooks
        ],
    }


def certificate_to_json(certificate: CertificateSummary | None, path: str | None) -> dict[str, object] | None:
    """What reports and `status` say of a certificate, which lies at `path`; None where there is none."""
    if certificate is None:
        return None
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": serial_text(certificate.serial),
        "not_before": rfc3339(certificate.not_before),
        "not_after": rfc3339(certificate.not_after),
        "sha256": certificate.fingerprint,
        "path": path,
    }


def serial_text(serial: int) -> str:
    """A serial number in lower-case hexadecimal, two digits an octet, as `openssl x509 -serial` prints it."""
    digits = f"{abs(serial):x}"
    return ("-" if serial < 0 else "") + digits.rjust(len(digits) + len(digits) % 2, "0")


def _key(result: Result) -> dict[str, object] | None:
    if result.key_path is None and result.key_spec is None:
        return None
    return {"path": result.key_path, "type": str(result.key_spec) if result.key_spec else None}


def _error(failure: Failure | None) -> dict[str, object] | None:
    if failure is None:
        return None
    return {"what": failure.what, "why": failure.why, "next_step": failure.next_step}
