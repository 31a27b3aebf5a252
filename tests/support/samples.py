"""Runs and plans with one of everything, for the tests of all formats; and text that tries to do harm."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from support.ambient import NOON
from support.certificates import certificate_der

from runner.errors import Place
from runner.execute.results import Failure, Outcome, Result, Run, summary_of
from runner.manifest.model import Enrollment, Revocation, Template, Update
from runner.manifest.placing import Output
from runner.pki.certificates import parse_certificate
from runner.pki.keyspecs import KeySpec
from runner.pki.keyurls import parse_key_url
from runner.plan.steps import Plan, Reason, Step, Verb
from runner.report.canonical import canonical_json
from runner.report.json_report import run_to_json
from runner.report.record import RunRecord, read_record
from runner.report.results_text import results_table

if TYPE_CHECKING:
    from runner.report.tables import Layout

HOSTILE = (
    "\x1b[31mred\x1b[0m \x07bell\r\nnext line\x9b2J \u202egnp.exe \u2066 \u2028 \ud800 \U000e0041 zero\u200bwidth\x7f"
    " [bold]x[/bold] <img src=x onerror=1> `code` |pipe\\| @everyone #12 https://evil.example www.evil.example"
)
PASSPHRASE = "correct-horse"


def result(name: str, outcome: Outcome, **more: object) -> Result:
    return Result(name=name, operation=str(more.pop("operation", "enroll")), outcome=outcome, **more)  # type: ignore[arg-type]


def issued(name: str, **more: object) -> Result:
    return result(
        name,
        Outcome.ISSUED,
        certificate=summary_of(parse_certificate(certificate_der())),
        certificate_path=f"out/{name}-0.crt",
        key_path=f"out/{name}.prv",
        key_spec=KeySpec("ec", "p256"),
        pki_status="accepted",
        attempts=2,
        duration=0.1234567,
        ended=NOON + timedelta(seconds=1),
        **more,
    )


def run_of(*results: Result, interrupted: bool = False) -> Run:
    return Run("r-20260301-1", "plant-7", NOON, NOON + timedelta(seconds=4.25), results, interrupted)


def record_of(run: Run) -> RunRecord:
    """The run as every renderer gets it: read back from its JSON."""
    return read_record(json.loads(canonical_json(run_to_json(run))))


def whole(report: dict[str, Any]) -> dict[str, Any]:
    """The report with all that is made as it is looked at, made and kept."""
    digests = report["digests"]
    return {**report, "items": list(report["items"]), "digests": {**digests, "items": list(digests["items"])}}


def table_of(run: Run, layout: Layout) -> str:
    """What a person is shown of a run."""
    return "".join(results_table(record_of(run), layout))


def full_run() -> Run:
    rejected = {
        "pki_status": "rejection",
        "fail_info": ("badPOP",),
        "status_text": "proof-of-possession does not verify",
        "attempts": 1,
        "failure": Failure(
            "the CA rejected the request",
            why="the signature in the request was not made with the key that the request is about",
            next_step="look at the key file named in the manifest, and apply again",
        ),
    }
    lost = Failure(
        "nobody knows whether the CA acted", next_step="ask the CA's operator, or apply with --retry-unknown"
    )
    return run_of(
        issued("web-1", warnings=("the certificate lacks the alternative name ip=10.0.0.1",)),
        result("web-2", Outcome.FAILED, **rejected),
        result("web-3", Outcome.FAILED, **rejected),
        result("gate", Outcome.UPDATED, operation="rekey", certificate_path="/srv/pki/out/gate-0.crt"),
        result("old", Outcome.SKIPPED, operation="revoke", failure=Failure("it needs web-2, which failed")),
        result("slow", Outcome.PENDING, pki_status="waiting", failure=Failure("the CA has not decided yet")),
        result("lost", Outcome.UNKNOWN, failure=lost),
        result("kept-1", Outcome.UNCHANGED, operation="keep"),
        result("kept-2", Outcome.UNCHANGED, operation="keep"),
    )


def hostile_run() -> Run:
    bad = Failure(HOSTILE, HOSTILE, HOSTILE)
    one = issued(HOSTILE, warnings=(HOSTILE,), status_text=HOSTILE, fail_info=(HOSTILE,), failure=bad)
    return Run(HOSTILE, HOSTILE, NOON, NOON, (one,))


def _enrollment(name: str, place: Place, key: str) -> Enrollment:
    return Enrollment(
        name=name,
        place=place,
        authority="plant",
        template=Template(),
        key=parse_key_url(key),
        output=Output(prefix=f"out/{name}"),
    )


def full_plan() -> Plan:
    place = Place("plant.yaml", 31, 5)
    web = [_enrollment(f"web-{n}", place, f"generate://pkcs8s:{PASSPHRASE}@ec:p256/out/web-{n}") for n in (1, 2, 3, 4)]
    update = Update(
        name="rotate-op",
        place=place,
        authority="plant",
        certificate="op.crt",
        key=parse_key_url(f"file://{PASSPHRASE}/op.prv"),
        new_key=parse_key_url("generate://pkcs8@rsa:3072/op2"),
        output=Output(file="op2.crt"),
    )
    revocation = Revocation(name="old-web-0", place=place, authority="plant", certificate="old/web-0.crt")
    missing = Reason("no-certificate", "there is no certificate at out/web-1-0.crt")
    return Plan(
        "plant-7",
        NOON,
        (
            Step(web[0], Verb.ENROLL, (missing,), request="ir"),
            Step(web[1], Verb.KEEP, ()),
            Step(web[2], Verb.KEEP, (Reason("as-wanted", "it is as it should be"),)),
            Step(web[3], Verb.BLOCKED, (Reason("key-missing", "the key file out/web-4.prv is gone"),)),
            Step(update, Verb.REKEY, (Reason("entry-changed", "the entry was never done"),), request="kur"),
            Step(
                revocation,
                Verb.REVOKE,
                (Reason("not-revoked", "it was not revoked yet"), Reason("superseded", "rotate-op takes its place")),
                needs=("rotate-op",),
                request="rr",
            ),
        ),
    )


def hostile_plan() -> Plan:
    item = Enrollment(
        name=HOSTILE,
        place=Place(HOSTILE, 1, 1),
        authority=HOSTILE,
        template=Template(),
        key=parse_key_url("generate://pkcs8@ec:p256/x"),
        output=Output(prefix=HOSTILE),
    )
    step = Step(item, Verb.ENROLL, (Reason("no-certificate", HOSTILE),), needs=(HOSTILE,), request="ir")
    return Plan(HOSTILE, NOON, (step, Step(item, Verb.KEEP, ())))
