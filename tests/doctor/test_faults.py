"""The doctor's word on seeded faults (tests/support/faults.py): the step that fails first, and whose that is."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from support.clinic import Stage, examined
from support.faults import FAULTS
from support.pki import Pki

from runner.cli.checkup.findings import STEPS, Verdict

SEEDED = 60
RIGHT = 0.9


async def first_failure(fault, folder):
    """(step, whose) of the first failure that an examination finds; None where it finds none."""
    async with contextlib.AsyncExitStack() as stack:
        patient = await fault.make(Stage(Pki(folder), stack, fault.hours))
        found = await examined(patient)
    assert [finding.step for finding in found.findings] == list(STEPS)
    failed = [finding for finding in found.findings if finding.verdict is Verdict.FAILED]
    assert all(finding.next_step for finding in failed)
    return (failed[0].step, failed[0].whose) if failed else None


def named(fault, folder):
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        if fault.resolver is not None:
            patch.setattr(socket, "getaddrinfo", fault.resolver)
        return asyncio.run(asyncio.wait_for(first_failure(fault, folder), 20))


def test_the_first_cause_named_is_right(tmp_path, capsys):
    wrong = {}
    for fault in FAULTS:
        found = named(fault, tmp_path / fault.name)
        if found != (fault.step, fault.whose):
            wrong[fault.name] = f"{found}, and it is {(fault.step, fault.whose)}"
    right = len(FAULTS) - len(wrong)
    with capsys.disabled():
        print(f"\ndoctor: the first cause named is right for {right} of {len(FAULTS)} seeded faults")  # noqa: T201 - the score is the news
    assert len(FAULTS) >= SEEDED
    assert right >= RIGHT * len(FAULTS), wrong
    assert wrong == {}, "every fault was told before; a new one may be left to its ninety per cent"
