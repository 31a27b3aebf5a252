"""The examination of one address: one real question over the real transport, and what each layer saw of it.

The transports say what they see to a witness, and the cause of a failure in a word (TransportError.cause): the code
that is examined is the code that works. What the answer says as CMP is judged in runner.cli.checkup.talk.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.cli.checkup import findings as step
from runner.cli.checkup.findings import CAUSES, STEPS, Finding, Verdict
from runner.cli.checkup.talk import Seen, judge, skipped
from runner.cmp.inquiry import inquire
from runner.errors import BadInput, Delayed, TransportError
from runner.transports.answers import MEDIA_TYPES
from runner.transports.open import Address, open_transport
from runner.values import frozen, mutable, replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runner.ambient import Clock, Entropy
    from runner.cli.trace import Trace
    from runner.cmp.dialogue import Parties
    from runner.transports.base import Transport

_WIRE = STEPS[: STEPS.index(step.GENM)]
"""The steps before CMP itself."""


@frozen
class Patient:
    """What is examined: an address of one URL, and who we are to the CA (None: nobody, the question is unprotected)."""

    address: Address
    parties: Parties | None = None


@mutable
class Examiner:
    """The means of an examination."""

    clock: Clock
    entropy: Entropy
    trace: Trace | None = None


@mutable
class Examined:
    """What was found, and the patient as it would do well: with the one change that helped, where one did."""

    findings: list[Finding]
    patient: Patient


async def examine(patient: Patient, examiner: Examiner) -> Examined:
    """All steps. Where one fails for which there is a likely remedy, that is tried, and told where it helps."""
    findings = await _Visit(patient, examiner).findings()
    failed = first_failure(findings)
    if failed is not None:
        for words, changed in remedies(patient, failed[1]):
            again = await _Visit(changed, examiner).findings()
            if _further(again, findings):
                return Examined(_advised(findings, words), changed)
    return Examined(_plain(findings), patient)


def first_failure(findings: Seen) -> tuple[Finding, str] | None:
    """The first step that failed, and its cause."""
    return next((found for found in findings if found[0].verdict is Verdict.FAILED), None)


def _further(again: Seen, before: Seen) -> bool:
    """Whether a change has led past the step that failed."""
    now, then = first_failure(again), first_failure(before)
    return now is None or (then is not None and STEPS.index(now[0].step) > STEPS.index(then[0].step))


def _plain(findings: Seen) -> list[Finding]:
    return [finding for finding, _ in findings]


def _advised(findings: Seen, words: str) -> list[Finding]:
    """The findings, the first failure with the remedy that helped as its next step."""
    plain = _plain(findings)
    at = next(index for index, finding in enumerate(plain) if finding.verdict is Verdict.FAILED)
    plain[at] = replace(plain[at], next_step=f"{words}: tried, and it helps")
    return plain


def remedies(patient: Patient, cause: str) -> Iterator[tuple[str, Patient]]:
    """What is likely to help against a cause: words, and the patient with it."""
    address = patient.address
    [url] = address.urls or ("",)
    if cause in ("not-found", "method", "redirect", "bad-request") and address.well_known is None:
        toggled = url.removesuffix("/") if url.endswith("/") else f"{url}/"
        yield f"write `url: {toggled}`", _with_url(patient, toggled)
    if cause in ("http-version", "no-answer", "bad-request") and not address.http.http10:
        yield (
            "set `http: {version: 1.0}`",
            replace(patient, address=replace(address, http=replace(address.http, http10=True))),
        )
    if cause in ("bad-request", "not-found") and not address.http.absolute_uri:
        yield (
            "set `http: {absolute_uri: true}`",
            replace(patient, address=replace(address, http=replace(address.http, absolute_uri=True))),
        )
    if cause in ("frame-version", "no-answer", "not-framed") and url.startswith("tcp:") and not address.old_framing:
        yield "set `tcp: {framing: rfc2510}`", replace(patient, address=replace(address, old_framing=True))
    if cause == "tls-plain" and url.startswith("https:"):
        yield "write http:// in `url:`", _with_url(patient, f"http:{url.partition(':')[2]}")
    if cause == "version" and patient.parties is not None:
        for other in (version for version in (2, 3) if version != patient.parties.pvno):
            yield f"set `version: {other}`", replace(patient, parties=replace(patient.parties, pvno=other))


def _with_url(patient: Patient, url: str) -> Patient:
    return replace(patient, address=replace(patient.address, urls=(url,)))


@mutable
class _Visit:
    """One time through all steps."""

    patient: Patient
    examiner: Examiner
    seen: dict[str, str] = field(default_factory=dict)

    async def findings(self) -> Seen:
        reach = replace(self.patient.address.reach, witness=self.seen.__setitem__)
        address = replace(self.patient.address, reach=reach)
        try:
            transport = open_transport(address, concurrency=1, clock=self.examiner.clock)
        except BadInput as problem:
            finding = Finding(step.SETTINGS, Verdict.FAILED, problem.what, problem.why, step.YOU, problem.next_step)
            return [(finding, "settings"), *skipped(step.SETTINGS)]
        try:
            return await self._asked(self._traced(transport))
        finally:
            await transport.close()

    def _traced(self, transport: Transport) -> Transport:
        from runner.cli.trace import TracingTransport

        trace = self.examiner.trace
        return transport if trace is None else TracingTransport(transport, trace, "doctor")

    async def _asked(self, transport: Transport) -> Seen:
        now, parties = self.examiner.clock.now(), self.patient.parties
        inquiry = inquire(parties, now, self.examiner.entropy)
        try:
            answer = await transport.exchange(inquiry.request, "genm")
        except Delayed as problem:
            waits = Finding(step.GENM, Verdict.NOTE, problem.what, next_step=problem.next_step)
            return [*self._wire(step.GENM), (waits, ""), *skipped(step.GENM)]
        except TransportError as problem:
            return self._failure(problem)
        said = self.seen.get("date", "")
        return [*self._wire(step.GENM), *await judge(inquiry, answer, parties, self.examiner, transport, said)]

    def _failure(self, problem: TransportError) -> Seen:
        failed, whose = CAUSES[problem.cause]
        finding = Finding(failed, Verdict.FAILED, problem.what, problem.why, whose, problem.next_step)
        return [*self._wire(failed), (finding, problem.cause), *skipped(failed)]

    def _wire(self, until: str) -> Seen:
        """The steps before `until`: what the transport saw of each, or why there was nothing to see."""
        return [(self._step(name), "") for name in _WIRE[: _WIRE.index(until) if until in _WIRE else None]]

    def _step(self, name: str) -> Finding:
        if name == step.SETTINGS:
            return Finding(name, Verdict.OK, "they can be used")
        if name == step.CONTENT:
            return self._content()
        if name in self.seen:
            return Finding(name, Verdict.OK, self.seen[name])
        return Finding(name, Verdict.SKIPPED, _NOTHING_TO_SEE.get(name, "there is none on this way"))

    def _content(self) -> Finding:
        label = self.seen.get(step.CONTENT)
        if label is None:
            return Finding(step.CONTENT, Verdict.SKIPPED, "there is none without HTTP")
        if label.partition(";")[0].strip().lower() in MEDIA_TYPES:
            return Finding(step.CONTENT, Verdict.OK, label)
        what = f"it is labelled {label or 'with nothing'}, and taken all the same"
        return Finding(
            step.CONTENT, Verdict.NOTE, what, whose=step.CA, next_step="the label should be application/pkixcmp"
        )


_NOTHING_TO_SEE = {
    step.NAME: "the proxy looks it up, or there is none",
    step.PROXY: "none is on the way",
    step.CONNECTION: "the proxy makes it",
    step.TLS: "the URL does not ask for it",
}
