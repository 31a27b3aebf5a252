"""What the doctor makes of answers that are CMP: clocks, refusals that are none of its business, and abilities."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest
from support.clinic import Stage, examined, http, refusal
from support.pki import Pki

from runner.asn1.algorithms import DER_NULL
from runner.asn1.cmp import IMPLICIT_CONFIRM, InfoTypeAndValue, PKIMessage
from runner.asn1.structures import Chosen, decode, encode
from runner.cli.checkup.findings import Verdict
from runner.system import SystemClock


@pytest.fixture
def findings(tmp_path):
    """`findings(spoil, *header fields, hours=…)` → step: Finding, of a CA whose answers pass through `spoil`."""

    async def run(spoil, fields, hours):
        async with contextlib.AsyncExitStack() as stack:
            stage = Stage(Pki(tmp_path), stack, hours)

            def answer(body, _head):
                return http(spoil(stage.lab.respond(body)), "200 OK", "application/pkixcmp", *fields)

            found = await examined(stage.patient(f"http://127.0.0.1:{await stage.answers(answer)}/cmp"))
            return {finding.step: finding for finding in found.findings}

    return lambda spoil=lambda answer: answer, *fields, hours=0.0: asyncio.run(run(spoil, fields, hours))


def with_header(answer, **changes):
    message = decode(PKIMessage, answer)
    return encode(replace(message, header=replace(message.header, **changes)))


def test_a_ca_that_answers_no_genm_is_no_failure(findings):
    found = findings(lambda answer: refusal(answer, "badRequest"))
    assert found["genm"].verdict is Verdict.NOTE
    assert found["protection"].verdict is Verdict.NOTE
    assert not [finding for finding in found.values() if finding.verdict is Verdict.FAILED]


@pytest.mark.parametrize(("hours", "words"), [(3.0, "3.0 h ahead"), (-0.2, "12 min behind")])
def test_two_clocks_over_there_that_agree_accuse_ours(findings, hours, words):
    date = SystemClock().now() + timedelta(hours=hours)
    found = findings(lambda answer: answer, f"Date: {date:%a, %d %b %Y %H:%M:%S} GMT", hours=hours)["clock"]
    assert (found.verdict, found.whose) == (Verdict.FAILED, "you")
    assert words in found.what


def test_an_answer_without_a_time_is_no_failure(findings):
    found = findings(lambda answer: with_header(answer, message_time=None))
    assert found["clock"].verdict is Verdict.SKIPPED


def test_a_date_that_is_none_is_passed_over(findings):
    assert findings(lambda answer: answer, "Date: yesterday")["clock"].verdict is Verdict.OK


def test_another_body_than_genp_is_the_cas(findings):
    def spoil(answer):
        return encode(replace(decode(PKIMessage, answer), body=Chosen("pkiconf", None)))

    found = findings(spoil)["genm"]
    assert (found.verdict, found.whose) == (Verdict.FAILED, "the CA")
    assert "pkiconf" in found.what


class Able:
    """The first answer is the lab's, the second grants implicitConfirm, the third is a nested message."""

    def __init__(self):
        self.answers = 0

    def __call__(self, answer):
        self.answers += 1
        if self.answers == 2:
            granted = InfoTypeAndValue(info_type=IMPLICIT_CONFIRM, info_value=DER_NULL)
            return with_header(answer, general_info=(granted,))
        if self.answers == 3:
            return encode(replace(decode(PKIMessage, answer), body=Chosen("nested", b"\x30\x00")))
        return answer


def test_abilities_that_are_shown_are_told(findings):
    found = findings(Able())
    assert found["implicitConfirm"].verdict is Verdict.OK
    assert found["batching"].verdict is Verdict.OK


def test_a_label_that_is_not_cmps_is_worth_a_word(tmp_path):
    async def run():
        async with contextlib.AsyncExitStack() as stack:
            stage = Stage(Pki(tmp_path), stack)
            port = await stage.answers(lambda body, _: http(stage.lab.respond(body), "200 OK", "text/plain"))
            found = await examined(stage.patient(f"http://127.0.0.1:{port}/cmp"))
            return {finding.step: finding for finding in found.findings}

    found = asyncio.run(run())
    assert found["content type"].verdict is Verdict.NOTE
    assert found["protection"].verdict is Verdict.OK
