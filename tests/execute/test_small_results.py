"""What a run remembers of an item that has ended: a few words, and nothing that was on the wire."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from enum import Enum
from types import FunctionType, ModuleType, SimpleNamespace

from support.samples import issued

from runner.errors import Place
from runner.execute.channel import Channel, Ended
from runner.execute.conversation import Conversation
from runner.execute.members import Member
from runner.execute.workers import Workers
from runner.manifest.model import Revocation
from runner.plan.steps import Step, Verb
from runner.values import replace

LARGEST = 900
"""Octets of memory that one more result may take."""
MANY = """
enrollments:
  - name: web-${n}
    for_each: {n: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}
    subject: C=FI, CN=web-${n}
    key: generate://pkcs8@ec:p256/out/web-${n}
    output: out/web-${n}
"""
BOTH = """
enrollments:
  - {name: web, subject: "C=FI, CN=web", key: "generate://pkcs8@ec:p256/out/web", output: out/web}
revocations:
  - {name: rev, certificate: out/web-0.crt, credential: psk, reason: superseded}
"""


def reachable(value):
    """Everything that a value keeps alive, itself included; what belongs to the program is not looked into."""
    found, left = {}, [value]
    while left:
        each = left.pop()
        if id(each) in found or isinstance(each, type | FunctionType | ModuleType | Enum):
            continue
        found[id(each)] = each
        left.extend(gc.get_referents(each))
    return list(found.values())


def test_no_result_keeps_der_alive(stage):
    """Of certificates that come, that are revoked, and that stay."""
    results = [*stage.apply().results, *stage.write(BOTH).apply().results, *stage.apply().results]
    assert {each.operation for each in results} == {"enroll", "keep", "revoke"}
    for result in results:
        assert result.certificate is not None
        octets = [each for each in reachable(result) if isinstance(each, bytes | bytearray | memoryview)]
        assert octets == [result.certificate.sha256]


def test_a_result_is_small(stage):
    results = stage.write(MANY).apply().results
    assert all(result.certificate for result in results)
    one, all_of_them = (sum(map(sys.getsizeof, reachable(few))) for few in (results[:1], results))
    assert (all_of_them - one) / (len(results) - 1) <= LARGEST


def test_what_an_item_said_and_heard_goes_at_once_and_waits_for_no_collection_of_garbage(stage):
    stage.write(MANY)
    gc.collect()
    gc.disable()
    try:
        stage.apply()
        assert [each for each in gc.get_objects() if isinstance(each, Conversation | Member)] == []
    finally:
        gc.enable()


def test_results_of_workers_have_what_is_alike_in_common():
    """Each comes as a pickle of its own."""
    place = Place("m.yaml", 1, 1)
    items = [Revocation(name=name, place=place, authority="ca", certificate="a.crt") for name in ("w-1", "w-2")]
    steps = [Step(item, Verb.REVOKE, ()) for item in items]
    authority = SimpleNamespace(limits=SimpleNamespace(concurrency=8))
    desk = SimpleNamespace(document=SimpleNamespace(authorities={"ca": authority}))

    async def answered(end):
        channel = await Channel.over(end)
        for _ in steps:
            channel.send(Ended(item := (await channel.receive()).item, replace(issued(item), operation="revoke")))
        return channel

    async def run():
        here, there = socket.socketpair()
        workers = Workers([here], desk, None)
        await workers.begin()
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            worker = group.create_task(answered(there))
            heard = [await workers.run(step, None) for step in steps]
            (await worker).close()
            workers.dismiss()
            await asyncio.sleep(0)  # in which the connections are closed
        return heard

    results = asyncio.run(run())
    assert results == [replace(issued(step.item.name), operation="revoke") for step in steps]
    assert all(result.name is step.item.name for result, step in zip(results, steps, strict=True))
    (one, other), fields = results, ("operation", "key_spec", "pki_status", "status_from")
    assert all(getattr(one, name) is getattr(other, name) for name in fields)
    fields = ("issuer", "not_before", "not_after")
    assert all(getattr(one.certificate, name) is getattr(other.certificate, name) for name in fields)
