"""`--trace`: what went over the wire, without one-time secrets, and that it can be read and played again."""

from __future__ import annotations

import asyncio
import stat

import pytest
from support.ambient import CountingEntropy, FixedClock
from support.replay import Replay

from runner.cli import exits
from runner.cli.main import main
from runner.cli.trace import Trace, TracingTransport
from runner.cmp.dialogue import Parties
from runner.cmp.inquiry import answer_to, inquire
from runner.cmp.protection import MacProtection, Peer
from runner.cmp.wishes import masked
from runner.errors import BadInput, Delayed, NotSent
from runner.lab.authority import open_lab
from runner.pki.macs import SharedSecret
from runner.transports.loopback import LoopbackTransport

QUICKSTART = """apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
templates: {t: {subject: "CN=${name}"}}
enrollments:
  - {name: web, template: t, key: "generate://pkcs8@ec:p256/out/web", output: out/web}
"""
WITHOUT_ITS_SECRET = """apiVersion: cmp-batch/v1
authorities: {ca: {url: "http://127.0.0.1:9/", name: CN=CA, credential: c}}
credentials: {c: {psk: {env: NOT_SET_ANYWHERE}}}
enrollments:
  - {name: web, subject: CN=web, key: "generate://pkcs8@ec:p256/out/web", output: out/web}
"""
REG_TOKEN = bytes.fromhex("06092b0601050507050101") + b"\x0c\x07hunter2"


def test_an_apply_leaves_every_message(tmp_path, capsys):
    manifest = tmp_path / "m.yaml"
    manifest.write_text(QUICKSTART)
    folder = tmp_path / "trace"
    assert main(["apply", str(manifest), "--yes", "--trace", str(folder)]) == exits.OK
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        f"{number:06}-lab-{kind}.{suffix}"
        for number in (1, 2)
        for kind in ("answer", "request")
        for suffix in ("der", "txt")
    ]
    assert "certConf" in (folder / "000002-lab-request.txt").read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    capsys.readouterr()
    assert main(["inspect", str(folder)]) == exits.OK
    said = capsys.readouterr().out
    assert [line.rpartition("-")[2] for line in said.splitlines() if line.endswith(".der:")] == [
        "answer.der:",
        "request.der:",
    ] * 2


def test_inspecting_a_folder_without_messages_is_told(tmp_path, capsys):
    assert main(["inspect", str(tmp_path)]) == exits.ERROR
    assert "no message is in this folder" in capsys.readouterr().err


def test_one_time_secrets_are_masked():
    message = b"\x30\x40" + REG_TOKEN + b"\x30\x00" + REG_TOKEN
    assert b"hunter2" not in masked(message)
    assert masked(message) == message.replace(b"hunter2", b"*******")


@pytest.mark.parametrize("cut", range(len(REG_TOKEN)))
def test_a_message_that_breaks_off_is_masked_as_far_as_it_goes(cut):
    assert len(masked(REG_TOKEN[:cut])) == cut
    assert b"hunt" not in masked(REG_TOKEN[:cut])


def test_failures_and_delays_are_written_in_words(tmp_path):
    class Broken:
        async def exchange(self, request, operation=""):
            raise NotSent("nobody there", why="because \x1b[2J")

        async def poll(self, reference):
            raise Delayed("later", reference=reference, seconds=1)

    transport = TracingTransport(Broken(), Trace(tmp_path / "t"), "ca")
    with pytest.raises(NotSent):
        asyncio.run(transport.exchange(b"\x30\x00"))
    with pytest.raises(Delayed):
        asyncio.run(transport.poll("7"))
    assert (tmp_path / "t" / "000001-ca-failure.txt").read_text() == "nobody there\nbecause \\x1b[2J\n"
    assert "reference 7" in (tmp_path / "t" / "000002-ca-poll.txt").read_text()
    assert (tmp_path / "t" / "000002-ca-delayed.txt").read_text() == "later\n"


def test_numbers_go_on_where_another_run_stopped(tmp_path):
    Trace(tmp_path).words(41, "ca", "failure", "")
    assert Trace(tmp_path).number() == 42


def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadInput):
        Trace(tmp_path / "file")


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_nor_is_one_below_a_file(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be used for --trace"):
        Trace(tmp_path / name)


def test_bad_input_leaves_no_folder_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(WITHOUT_ITS_SECRET)
    assert main(["apply", "--yes", "m.yaml", "--trace", "tr"]) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["m.yaml"]


def parties(lab):
    reference, _, secret = lab.psk.partition(":")
    ours = MacProtection(reference.encode(), SharedSecret(secret.encode()), b"salt" * 4)
    return Parties(ours, Peer(ours.secret))


def test_a_recorded_answer_is_played_again(tmp_path):
    """The same clock and the same chance make the same question, which the recorded answer fits."""
    clock = FixedClock()
    lab = open_lab(None, clock, CountingEntropy())

    def asked(transport):
        question = inquire(parties(lab), clock.now(), CountingEntropy())
        answer = asyncio.run(transport.exchange(question.request))
        return answer_to(question, answer, parties(lab), clock.now()).message.body

    recorded = asked(TracingTransport(LoopbackTransport(lab.respond), Trace(tmp_path), "lab"))
    assert asked(Replay(tmp_path)) == recorded
    assert recorded.name == "genp"


def test_a_replay_refuses_another_question(tmp_path):
    Trace(tmp_path).message(1, "ca", "request", b"\x30\x00")
    Trace(tmp_path).message(1, "ca", "answer", b"\x30\x00")
    with pytest.raises(AssertionError):
        asyncio.run(Replay(tmp_path).exchange(b"\x30\x01\x05"))
