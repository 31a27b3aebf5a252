"""One item, end to end: in which order disk, journal and wire hear of it, and what every ending leaves behind."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from support.ambient import NOON
from support.certificates import certificate_der
from support.stage import Stage as AnotherStage

from runner.cmp.record import from_record
from runner.errors import BadInput, KeyStoreError
from runner.execute.observe import observe
from runner.execute.preparation import Preparation, prepare
from runner.execute.results import Outcome, summary_of
from runner.keystores import files
from runner.pki.certificates import parse_certificate, to_pem
from runner.plan.steps import Verb
from runner.state.inventory import Open, Stage
from runner.state.journal import Change, Journal

RENEWED = """
enrollments:
  - name: web
    subject: "C=FI, CN=web"
    key: "generate://pkcs8@ec:p256/out/web"
    output: out/web
    renew_before: 30d
"""
YEAR = 365 * 86_400
UPDATE = """
updates:
  - name: up
    certificate: out/web-0.crt
    key: "file:out/web.prv"
    new_key: "generate://pkcs8@ec:p256/out/up"
    output: out/up
"""
REVOCATION = """
revocations:
  - {name: rev, certificate: out/web-0.crt, credential: psk, reason: superseded}
"""
TWO = '  - {name: two, subject: CN=two, key: "generate://pkcs8@ec:p256/out/two", output: out/two}'
SEALED = "generate://pkcs8s:${env:PASS}@ec:p256/out/web"


def pair_matches(stage, certificate="out/web-0.crt", key="out/web.prv"):
    """What openssl says of the two files."""
    public = [
        subprocess.run(["openssl", *command], check=True, capture_output=True).stdout
        for command in (
            ["x509", "-in", stage.path(certificate), "-noout", "-pubkey"],
            ["pkey", "-in", stage.path(key), "-pubout", "-passin", "pass:secret"],
        )
    ]
    return public[0] == public[1]


def any_pair(stage):
    """Whether some key on the disk, in use or waiting, has its certificate there."""
    keys = {public_half(path.read_bytes()) for path in stage.path("out").glob("web.prv*")}
    certificates = (x509.load_pem_x509_certificate(path.read_bytes()) for path in stage.path("out").glob("web-0.crt*"))
    return any(spki(certificate.public_key()) in keys for certificate in certificates)


def public_half(pem):
    return spki(load_pem_private_key(pem, None).public_key())


def spki(key):
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def order(stage):
    return [event for event in stage.events if not event[0].startswith("before")]


class TestOrder:
    """Design §5, promises 1 and 2."""

    def test_of_an_enrollment(self, stage):
        assert stage.outcomes() == {"web": "issued"}
        assert order(stage) == [
            ("journal", "web", "keyed"),
            ("create", "web.prv"),
            ("journal", "web", "sent"),
            ("wire", "ir"),
            ("answer", "ir"),
            ("journal", "web", "issued"),
            ("wire", "certConf"),
            ("answer", "certConf"),
            ("journal", "web", "confirmed"),
            ("install", "web-0.crt", "web-0.ca"),
            ("journal", "web", "issued"),
        ]

    def test_of_an_enrollment_with_implicit_confirmation(self, stage):
        stage.edit("credential: psk", "credential: psk, implicit_confirm: true")
        assert stage.outcomes() == {"web": "issued"}
        assert order(stage) == [
            ("journal", "web", "keyed"),
            ("create", "web.prv"),
            ("journal", "web", "sent"),
            ("wire", "ir"),
            ("answer", "ir"),
            ("journal", "web", "confirmed"),
            ("install", "web-0.crt", "web-0.ca"),
            ("journal", "web", "issued"),
        ]

    def test_of_a_renewal_with_a_new_key(self, stage):
        stage.write(RENEWED).apply()
        stage.loop.jump(YEAR - 20 * 86_400)
        stage.events.clear()
        assert stage.outcomes() == {"web": "updated"}
        assert order(stage) == [
            ("journal", "web", "keyed"),
            ("create", "web.prv.next"),
            ("journal", "web", "sent"),
            ("wire", "kur"),
            ("answer", "kur"),
            ("journal", "web", "issued"),
            ("wire", "certConf"),
            ("answer", "certConf"),
            ("journal", "web", "confirmed"),
            ("install", "web-0.crt.next", "web-0.ca.next"),
            ("journal", "web", "updated"),
        ]

    def test_of_a_revocation(self, stage):
        stage.apply()
        stage.edit("enrollments:", REVOCATION + "\nenrollments:")
        stage.events.clear()
        assert stage.outcomes()["rev"] == "revoked"
        assert order(stage) == [
            ("journal", "rev", "sent"),
            ("wire", "rr"),
            ("answer", "rr"),
            ("journal", "rev", "revoked"),
        ]

    def test_the_key_on_disk_is_private_before_anything_is_sent(self, stage):
        def look(request):
            seen.append(stage.path("out/web.prv").stat().st_mode & 0o777)
            return stage.ca.answers(request)

        seen = []
        stage.play(look).apply()
        assert seen == [0o600]

    def test_the_journal_has_what_it_takes_to_repeat_the_request(self, stage):
        def look(request):
            seen.append(stage.inventory.open["web"])
            return stage.ca.answers(request)

        seen = []
        stage.play(look).apply()
        (operation,) = seen
        assert operation.stage is Stage.SENT
        assert operation.kind == "ir"
        assert operation.key_path == str(stage.path("out/web.prv"))
        assert operation.digest == stage.document().items[0].digest
        assert len(bytes.fromhex(operation.transaction_id)) == 16


class TestEnded:
    """What an item that came to its end leaves behind."""

    def test_everything_is_known_of_what_was_issued(self, stage):
        result = stage.result()
        assert result.outcome is Outcome.ISSUED
        assert result.certificate == summary_of(stage.certificate("out/web-0.crt"))
        assert (result.certificate_path, result.key_path) == (
            str(stage.path("out/web-0.crt")),
            str(stage.path("out/web.prv")),
        )
        assert str(result.key_spec) == "ec:p256"
        assert (result.pki_status, result.fail_info, result.attempts) == ("accepted", (), 2)
        assert result.failure is None
        assert pair_matches(stage)
        assert stage.files == ["ca.pem", "m.yaml", "out/web-0.ca", "out/web-0.crt", "out/web.prv"]

    def test_the_second_apply_finds_nothing_to_do(self, stage):
        stage.apply()
        sent = len(stage.ca.sent)
        assert stage.outcomes() == {"web": "unchanged"}
        assert len(stage.ca.sent) == sent

    def test_attempts_count_repeats_and_time_is_measured(self, stage):
        result = stage.play(stage.ca.busy(20), stage.ca.drops).result()
        assert result.outcome is Outcome.ISSUED
        assert result.attempts == 4
        assert 20 <= result.duration < 22

    def test_what_was_granted_otherwise_is_a_remark(self, stage):
        stage.edit('subject: "C=FI, CN=web"', 'subject: "C=FI, CN=web", extended_key_usage: [1.2.3.4.5]')
        result = stage.result()
        assert result.outcome is Outcome.ISSUED
        if result.pki_status == "grantedWithMods":
            assert result.warnings
        assert stage.verbs() == {"web": "keep"}

    def test_der_and_a_single_file_on_request(self, stage):
        stage.edit("output: out/web", "output: {file: out/only.der, format: der}")
        stage.apply()
        assert x509.load_der_x509_certificate(stage.path("out/only.der").read_bytes())
        assert stage.files == ["ca.pem", "m.yaml", "out/only.der", "out/web.prv"]

    def test_a_revocation_names_the_certificate_that_it_revoked(self, stage):
        stage.apply()
        certificate = stage.certificate("out/web-0.crt")
        stage.edit("enrollments:", REVOCATION + "\nenrollments:")
        results = {result.name: result for result in stage.apply().results}
        assert results["rev"].certificate == summary_of(certificate)
        assert stage.inventory.held["rev"].replaces == certificate.fingerprint
        assert stage.codes()["rev"] == ["done"]

    def test_a_kept_revocation_does_not_name_what_lies_there_today(self, stage):
        stage.apply()
        stage.edit("enrollments:", REVOCATION + "\nenrollments:")
        assert stage.outcomes() == {"web": "unchanged", "rev": "revoked"}
        kept = {result.name: result for result in stage.apply().results}
        assert kept["web"].outcome is Outcome.ISSUED  # the revoked one was replaced
        kept = {result.name: result for result in stage.apply().results}
        assert kept["rev"].outcome is Outcome.UNCHANGED
        assert kept["rev"].certificate is None


class TestRenewal:
    """Design §5, promise 3: a working pair at every moment."""

    @pytest.fixture
    def due(self, stage):
        stage.write(RENEWED).apply()
        stage.loop.jump(YEAR - 20 * 86_400)
        stage.events.clear()
        return stage

    def test_the_old_pair_is_in_use_until_the_new_one_is_whole(self, due):
        old = due.path("out/web.prv").read_bytes(), due.path("out/web-0.crt").read_bytes()

        def look(request):
            assert (due.path("out/web.prv").read_bytes(), due.path("out/web-0.crt").read_bytes()) == old
            assert due.path("out/web.prv.next").read_bytes() != old[0]
            return due.ca.answers(request)

        assert due.play(look, look).outcomes() == {"web": "updated"}
        assert due.ca.script == []
        assert due.path("out/web.prv").read_bytes() != old[0]
        assert pair_matches(due)
        assert due.files == ["ca.pem", "m.yaml", "out/web-0.ca", "out/web-0.crt", "out/web.prv"]

    def test_the_names_change_one_straight_after_the_other_and_all_is_durable_before(self, due, monkeypatch):
        calls = []
        for name in ("fsync", "replace", "rename"):
            real = getattr(os, name)

            def spy(*arguments, name=name, real=real, **options):
                calls.append((name, *(a for a in arguments if isinstance(a, str))))
                return real(*arguments, **options)

            monkeypatch.setattr(os, name, spy)
        due.apply()
        first = calls.index(("replace", "web.prv.next", "web.prv"))
        assert calls[first : first + 3] == [
            ("replace", "web.prv.next", "web.prv"),
            ("replace", "web-0.crt.next", "web-0.crt"),
            ("replace", "web-0.ca.next", "web-0.ca"),
        ]
        assert calls[first - 1] == ("fsync",)
        assert calls[first + 3] == ("fsync",)

    def test_at_every_rename_a_whole_pair_is_on_the_disk(self, due, monkeypatch):
        def look(*arguments, real=os.replace, **options):
            seen.append(any_pair(due))
            result = real(*arguments, **options)
            seen.append(any_pair(due))
            return result

        seen = []
        monkeypatch.setattr(os, "replace", look)
        due.apply()
        assert len(seen) >= 6
        assert all(seen)

    def test_a_failed_renewal_leaves_the_old_pair_and_keeps_the_new_key_for_the_next(self, due):
        assert due.play(due.ca.refuses("badRequest")).outcomes() == {"web": "failed"}
        assert pair_matches(due)
        waiting = due.path("out/web.prv.next").read_bytes()
        assert due.inventory.open["web"].stage is Stage.KEYED
        assert due.outcomes() == {"web": "updated"}
        assert due.path("out/web.prv").read_bytes() == waiting

    def test_with_the_same_key_only_the_certificate_changes(self, stage):
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", "ed25519", "-out", stage.path("my.prv")],
            check=True,
            capture_output=True,
        )
        stage.write(RENEWED.replace("generate://pkcs8@ec:p256/out/web", "file:my.prv")).apply()
        stage.loop.jump(YEAR - 20 * 86_400)
        key, before = stage.path("my.prv").read_bytes(), stage.certificate("out/web-0.crt")
        assert stage.verbs() == {"web": "renew"}
        assert stage.outcomes() == {"web": "updated"}
        assert stage.path("my.prv").read_bytes() == key
        assert pair_matches(stage, key="my.prv")
        assert stage.certificate("out/web-0.crt").serial != before.serial
        assert stage.inventory.held["web"].replaces == before.fingerprint

    def test_an_update_in_place_ends_with_the_new_pair(self, stage):
        stage.apply()
        old = stage.certificate("out/web-0.crt")
        stage.write(
            """
            updates:
              - {name: up, certificate: out/web-0.crt, key: "file:out/web.prv", output: out/web}
            """
        )
        assert stage.outcomes() == {"up": "updated"}
        assert stage.certificate("out/web-0.crt") != old
        assert pair_matches(stage)
        assert stage.verbs() == {"up": "keep"}

    def test_a_certificate_that_was_put_back_from_a_backup_is_replaced_by_what_we_hold(self, stage):
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", "ed25519", "-out", stage.path("my.prv")],
            check=True,
            capture_output=True,
        )
        stage.write(RENEWED.replace("generate://pkcs8@ec:p256/out/web", "file:my.prv")).apply()
        backup = stage.path("out/web-0.crt").read_bytes()
        stage.loop.jump(YEAR - 20 * 86_400)
        stage.apply()
        renewed = stage.path("out/web-0.crt").read_bytes()
        stage.path("out/web-0.crt").write_bytes(backup)
        sent = len(stage.ca.sent)
        assert stage.codes() == {"web": ["certificate-replaced"]}
        assert stage.outcomes() == {"web": "unchanged"}
        assert stage.path("out/web-0.crt").read_bytes() == renewed
        assert len(stage.ca.sent) == sent


class TestLost:
    """A no leaves the key for the next attempt, and nothing else."""

    def test_the_next_attempt_uses_the_same_key_in_another_transaction(self, stage):
        assert stage.play(stage.ca.rejects("badPOP")).outcomes() == {"web": "failed"}
        key = stage.path("out/web.prv").read_bytes()
        first = stage.inventory.open["web"]
        assert (first.stage, first.transaction_id, first.dialogue) == (Stage.KEYED, "", "")
        assert first.note.startswith("the CA refused: rejection (badPOP)")
        assert stage.verbs() == {"web": "enroll"}
        assert stage.outcomes() == {"web": "issued"}
        assert stage.path("out/web.prv").read_bytes() == key
        assert len({octets for _, kind, octets in stage.ca.sent if kind == "ir"}) == 2
        assert "web" not in stage.inventory.open

    def test_a_key_of_another_kind_than_is_asked_for_now_is_not_used(self, stage):
        stage.play(stage.ca.rejects("badAlg")).apply()
        stage.edit("ec:p256", "ec:p384")
        result = stage.result()
        assert str(result.key_spec) == "ec:p384"
        assert pair_matches(stage)
        assert stage.verbs() == {"web": "keep"}

    def test_nor_is_it_in_the_way_when_that_attempt_fails_too(self, stage):
        stage.play(stage.ca.rejects("badAlg"), stage.ca.rejects("badAlg")).apply()
        stage.edit("ec:p256", "ec:p384")
        stage.apply()
        assert stage.verbs() == {"web": "enroll"}
        assert stage.outcomes() == {"web": "issued"}
        assert pair_matches(stage)

    def test_a_key_that_is_not_ours_is_never_touched(self, stage):
        stage.path("out").mkdir()
        stage.path("out/web.prv").write_bytes(b"somebody else's")
        assert stage.codes() == {"web": ["key-in-the-way"]}
        assert stage.outcomes() == {"web": "failed"}
        assert stage.path("out/web.prv").read_bytes() == b"somebody else's"
        assert stage.ca.sent == []

    def test_a_staged_name_that_is_taken_is_not_overwritten(self, stage):
        stage.write(RENEWED).apply()
        stage.path("out/web.prv.next").write_bytes(b"somebody else's")
        stage.loop.jump(YEAR - 20 * 86_400)
        assert stage.outcomes() == {"web": "updated"}
        assert stage.path("out/web.prv.next").read_bytes() == b"somebody else's"
        assert pair_matches(stage)

    def test_unavailable_begins_a_new_transaction_with_the_same_key(self, stage):
        stage.play(stage.ca.refuses("systemUnavail"), stage.ca.rejects("systemFailure"))
        result = stage.result()
        assert (result.outcome, result.attempts) == (Outcome.ISSUED, 4)
        requests = [octets for _, kind, octets in stage.ca.sent if kind == "ir"]
        assert len(set(requests)) == 3
        assert order(stage).count(("journal", "web", "sent")) == 3
        assert order(stage).count(("create", "web.prv")) == 1

    def test_but_not_for_ever_and_with_no_pause_after_the_last(self, stage):
        stage.play(*[stage.ca.refuses("systemUnavail")] * 3)
        result = stage.result()
        assert result.outcome is Outcome.FAILED
        assert result.failure.next_step == "run again later"
        assert stage.ca.kinds == ["ir"] * 3
        assert result.duration == pytest.approx(stage.ca.times[-1])

    def test_a_certificate_that_the_ca_disowned_is_put_aside(self, stage):
        result = stage.play(stage.ca.answers, stage.ca.refuses("badRequest")).result()
        assert result.outcome is Outcome.FAILED
        aside = stage.certificate("out/web-0.crt.unconfirmed")
        assert pair_matches(stage, "out/web-0.crt.unconfirmed")
        assert not stage.path("out/web-0.crt").exists()
        assert aside.subject.text == "C=FI, CN=web"
        assert stage.ca.kinds == ["ir", "certConf"]

    def test_one_that_we_reject_and_the_ca_counts_is_put_aside_too(self, stage):
        stage.edit("credential: psk", "credential: psk, implicit_confirm: true")
        stage.path("ca.pem").write_bytes(to_pem(self_signed()))
        result = stage.result()
        assert result.outcome is Outcome.FAILED
        serial = stage.certificate("out/web-0.crt.unconfirmed").serial
        assert f"{serial:x}" in result.failure.next_step
        assert stage.inventory.open["web"].stage is Stage.KEYED


def self_signed():
    return certificate_der("another CA")


class TestUnsure:
    """Where nobody knows, the journal keeps what was sent, and nothing is asked for twice without leave."""

    def test_the_next_apply_repeats_the_same_octets(self, stage):
        result = stage.play(*[stage.ca.loses] * 3).result()
        assert result.outcome is Outcome.UNKNOWN
        assert result.failure.next_step.endswith("--retry-unknown begins afresh")
        assert stage.codes() == {"web": ["open-sent"]}
        assert stage.outcomes() == {"web": "issued"}
        assert len({octets for _, kind, octets in stage.ca.sent if kind == "ir"}) == 1
        assert stage.ca.issued == 1

    def test_a_ca_that_does_not_repeat_itself_leaves_it_unknown_for_ever(self, stage):
        stage.play(*[stage.ca.loses] * 3).apply()
        for _ in range(3):
            assert stage.play(stage.ca.refuses("transactionIdInUse")).outcomes() == {"web": "unknown"}
        assert stage.ca.issued == 1

    def test_with_leave_it_begins_afresh_with_the_same_key(self, stage):
        stage.play(*[stage.ca.loses] * 3).apply()
        key = stage.path("out/web.prv").read_bytes()
        assert stage.verbs(retry_unknown=True) == {"web": "enroll"}
        assert stage.outcomes(retry_unknown=True) == {"web": "issued"}
        assert stage.path("out/web.prv").read_bytes() == key
        assert len({octets for _, kind, octets in stage.ca.sent if kind == "ir"}) == 2

    def test_what_was_only_cut_off_is_repeated_first_even_with_leave(self, stage):
        assert stage.killed_at(order_of(stage, ("answer", "ir")))
        assert stage.verbs(retry_unknown=True) == {"web": "resume"}
        assert stage.outcomes(retry_unknown=True) == {"web": "issued"}
        assert stage.ca.issued == 1

    def test_a_confirmation_without_an_answer_is_repeated_and_can_be_given_up(self, stage):
        assert stage.play(stage.ca.answers, *[stage.ca.drops] * 3).outcomes() == {"web": "unknown"}
        came = parse_certificate_of(stage)
        assert stage.codes() == {"web": ["open-issued"]}
        assert stage.play(stage.ca.refuses("badRequest")).outcomes() == {"web": "unknown"}
        assert stage.verbs(retry_unknown=True) == {"web": "enroll"}
        assert stage.outcomes(retry_unknown=True) == {"web": "issued"}
        assert stage.certificate("out/web-0.crt.unconfirmed") == came
        assert stage.certificate("out/web-0.crt") != came
        assert pair_matches(stage)

    def test_a_key_that_is_gone_is_told_and_leave_helps(self, stage):
        stage.play(*[stage.ca.loses] * 3).apply()
        stage.path("out/web.prv").unlink()
        result = stage.result()
        assert result.outcome is Outcome.FAILED
        assert "is gone" in result.failure.what
        assert stage.outcomes(retry_unknown=True) == {"web": "issued"}
        assert pair_matches(stage)

    def test_a_rejection_of_the_repeat_is_no_proof_either(self, stage):
        stage.play(*[stage.ca.drops] * 3).apply()
        result = stage.play(stage.ca.rejects("badRequest", text="you asked that before")).result()
        assert result.outcome is Outcome.UNKNOWN
        assert "you asked that before" in result.status_text

    def test_an_unknown_revocation_may_be_retried_too(self, stage):
        stage.apply()
        stage.edit("enrollments:", REVOCATION + "\nenrollments:")
        assert stage.play(*[stage.ca.drops] * 3).outcomes()["rev"] == "unknown"
        assert stage.verbs(retry_unknown=True)["rev"] == "revoke"
        assert stage.outcomes()["rev"] == "revoked"


def parse_certificate_of(stage):
    """The certificate in the journal's record of the open operation."""
    return parse_certificate(from_record(stage.inventory.open["web"].dialogue).certificate)


def order_of(stage, event):
    """Which event of an undisturbed run that is; found on a stage of its own."""
    with tempfile.TemporaryDirectory() as folder:
        rehearsal = AnotherStage(Path(folder))
        try:
            rehearsal.apply()
            return rehearsal.events.index(event)
        finally:
            rehearsal.close()


class TestPending:
    """The CA has not decided."""

    def test_what_waits_beyond_this_run_is_pending_and_polled_by_the_next(self, ruled):
        stage = ruled(waiting_polls=1, check_after=3600)
        result = stage.result()
        assert result.outcome is Outcome.PENDING
        assert "2026-03-01 13:00:00 UTC" in result.failure.next_step
        assert stage.inventory.open["web"].check_after == NOON + timedelta(hours=1)
        assert stage.codes() == {"web": ["open-waiting"]}
        stage.loop.jump(3600)
        assert stage.outcomes() == {"web": "issued"}
        assert stage.ca.kinds == ["ir", "pollReq", "pollReq", "certConf"]

    def test_before_its_time_nothing_is_sent(self, ruled):
        stage = ruled(waiting_polls=1, check_after=3600)
        stage.apply()
        sent = len(stage.ca.sent)
        stage.loop.jump(1800)
        result = stage.result()
        assert (result.outcome, result.attempts) == (Outcome.PENDING, 2)
        assert len(stage.ca.sent) == sent
        assert stage.inventory.open["web"].stage is Stage.WAITING

    def test_a_poll_that_fails_leaves_it_pending(self, ruled):
        stage = ruled(waiting_polls=1, check_after=3600)
        stage.apply()
        stage.loop.jump(4000)
        assert stage.play(*[stage.ca.unreachable] * 3).outcomes() == {"web": "pending"}
        assert stage.inventory.open["web"].stage is Stage.WAITING
        assert stage.play(*[stage.ca.drops] * 3).outcomes() == {"web": "pending"}
        assert stage.inventory.open["web"].stage is Stage.SENT
        assert "asked whether it has decided" in stage.plan().steps[0].reasons[0].text
        assert stage.verbs(retry_unknown=True) == {"web": "resume"}
        assert stage.outcomes() == {"web": "issued"}

    def test_a_no_after_an_unanswered_poll_is_unknown_until_somebody_decides(self, ruled):
        stage = ruled(waiting_polls=1, check_after=3600)
        stage.apply()
        stage.loop.jump(4000)
        assert stage.play(stage.ca.drops, stage.ca.refuses("badRequest")).outcomes() == {"web": "unknown"}
        assert stage.play(stage.ca.refuses("badRequest")).outcomes() == {"web": "unknown"}
        assert stage.verbs(retry_unknown=True) == {"web": "enroll"}

    def test_a_no_to_a_poll_is_a_no(self, ruled):
        stage = ruled(waiting_polls=1, check_after=3600)
        stage.apply()
        stage.loop.jump(4000)
        assert stage.play(stage.ca.rejects("badRequest", text="not approved")).outcomes() == {"web": "failed"}
        assert stage.inventory.open["web"].stage is Stage.KEYED


class TestChangedMeanwhile:
    """The entry was edited while its request was out: what was asked for is finished, and then put right."""

    def test_what_was_asked_for_then_is_not_taken_for_what_is_asked_now(self, stage):
        stage.play(*[stage.ca.loses] * 3).apply()
        stage.edit('subject: "C=FI, CN=web"', 'subject: "C=FI, CN=web-2"')
        assert "the entry has changed since" in stage.plan().steps[0].reasons[0].text
        assert stage.outcomes() == {"web": "issued"}
        assert stage.certificate("out/web-0.crt").subject.text == "C=FI, CN=web"
        assert stage.codes() == {"web": ["subject"]}
        assert stage.outcomes() == {"web": "issued"}
        assert stage.certificate("out/web-0.crt").subject.text == "C=FI, CN=web-2"
        assert stage.verbs() == {"web": "keep"}

    def test_a_change_that_no_certificate_shows_is_found_by_the_digest(self, stage):
        stage.play(*[stage.ca.loses] * 3).apply()
        stage.edit('subject: "C=FI, CN=web"', 'subject: "C=FI, CN=web", key_usage: [keyAgreement]')
        stage.apply()
        assert stage.codes() == {"web": ["key_usage"]}

    def test_a_key_that_the_entry_names_now_is_not_overwritten(self, stage):
        stage.killed_at(order_of(stage, ("journal", "web", "confirmed")))
        subprocess.run(
            ["openssl", "genpkey", "-algorithm", "ed25519", "-out", stage.path("my.prv")],
            check=True,
            capture_output=True,
        )
        mine = stage.path("my.prv").read_bytes()
        stage.edit("generate://pkcs8@ec:p256/out/web", "file:my.prv")
        assert stage.outcomes() == {"web": "issued"}
        assert stage.path("my.prv").read_bytes() == mine
        assert stage.path("out/web.prv").exists()
        assert stage.verbs() == {"web": "enroll"}
        stage.apply()
        assert stage.path("my.prv").read_bytes() == mine
        assert pair_matches(stage, key="my.prv")
        assert stage.verbs() == {"web": "keep"}

    def test_a_key_elsewhere_takes_its_new_place_if_that_is_free(self, stage):
        stage.play(*[stage.ca.loses] * 3).apply()
        stage.edit("ec:p256/out/web", "ec:p256/out/moved")
        assert stage.outcomes() == {"web": "issued"}
        assert pair_matches(stage, key="out/moved.prv")
        assert not stage.path("out/web.prv").exists()
        assert stage.verbs() == {"web": "keep"}

    @pytest.mark.parametrize("changed", [True, False])
    def test_an_answer_is_judged_by_the_entry_that_it_answers_or_not_at_all(self, stage, changed):
        """An update, whose certificate may be another by now."""
        stage.apply()
        stage.write(UPDATE)
        (step,) = stage.plan().steps
        at = stage.clock.now()
        digest = "another" if changed else step.item.digest
        before = Open("up", "op", "kur", digest, Stage.ISSUED, at, key_path=str(stage.path("out/web.prv")))
        with closing(Journal.open(stage.state, create=False)) as journal:
            desk = stage.desk(stage.document(), observe(stage.document(), stage.guard), journal)
            preparation = Preparation(replace(step, verb=Verb.RESUME), desk, before, None)
            order = stage.loop.run_until_complete(prepare(preparation)).order
        assert (order.wanted is None) is changed

    def test_a_name_that_was_given_to_another_kind_of_entry_is_told(self, stage):
        stage.play(*[stage.ca.loses] * 3).apply()
        stage.path("old.crt").write_bytes(to_pem(stage.ca.lab.ca_certificate))
        stage.write("revocations: [{name: web, certificate: old.crt, credential: psk}]\n")
        result = stage.result()
        assert result.outcome is Outcome.FAILED
        assert "another kind" in result.failure.what
        assert "web" in stage.inventory.open

    def test_an_operation_without_its_entry_is_an_orphan_of_the_plan(self, stage):
        stage.play(*[stage.ca.loses] * 3).apply()
        stage.edit("name: web", "name: other")
        stage.edit("out/web", "out/other")
        assert [orphan.item for orphan in stage.plan().orphans] == ["web"]


class TestSealedKeys:
    """Keys under a passphrase."""

    @pytest.fixture
    def sealed(self, stage, monkeypatch):
        monkeypatch.setattr("runner.keystores.sealing.ITERATIONS", 10)
        stage.environ["PASS"] = "secret"
        stage.write(RENEWED.replace("generate://pkcs8@ec:p256/out/web", SEALED))
        return stage

    def test_after_a_sealed_enrolment_there_is_nothing_to_do(self, sealed):
        assert sealed.outcomes() == {"web": "issued"}
        assert b"ENCRYPTED" in sealed.path("out/web.prv").read_bytes()
        assert len(sealed.inventory.held["web"].key_digest) == 64
        del sealed.environ["PASS"]
        assert sealed.verbs() == {"web": "keep"}

    def test_nor_after_its_renewal_with_a_new_key(self, sealed):
        sealed.apply()
        sealed.loop.jump(YEAR - 20 * 86_400)
        assert sealed.outcomes() == {"web": "updated"}
        assert pair_matches(sealed)
        assert sealed.verbs() == {"web": "keep"}

    def test_another_sealed_file_in_its_place_is_noticed(self, sealed):
        sealed.apply()
        certificate = sealed.path("out/web-0.crt").read_bytes()
        key = sealed.path("out/web.prv").read_bytes()
        sealed.path("out/web.prv").write_bytes(key.replace(b"A", b"B", 1))
        assert sealed.codes() == {"web": ["key-mismatch"]}
        sealed.path("out/web.prv").write_bytes(key)
        sealed.path("out/web-0.crt").write_bytes(certificate)
        assert sealed.verbs() == {"web": "keep"}

    def test_no_passphrase_is_in_the_state_or_in_a_result(self, sealed):
        run = sealed.apply()
        assert "secret" not in repr(run)
        assert b"secret" not in sealed.state.read_bytes()


class TestReinstall:
    """The state has it, the disk has not."""

    def test_a_missing_certificate_is_written_again_without_a_word_to_the_ca(self, stage):
        stage.apply()
        octets = stage.path("out/web-0.crt").read_bytes()
        stage.path("out/web-0.crt").unlink()
        sent = len(stage.ca.sent)
        result = stage.result()
        assert result.outcome is Outcome.UNCHANGED
        assert result.warnings == ("the certificate file was written again from the state",)
        assert stage.path("out/web-0.crt").read_bytes() == octets
        assert len(stage.ca.sent) == sent

    def test_a_damaged_one_too(self, stage):
        stage.apply()
        octets = stage.path("out/web-0.crt").read_bytes()
        stage.path("out/web-0.crt").write_bytes(octets[:100])
        assert stage.codes() == {"web": ["certificate-damaged"]}
        stage.apply()
        assert stage.path("out/web-0.crt").read_bytes() == octets

    def test_it_leaves_what_is_under_way_alone(self, stage):
        stage.write(RENEWED).apply()
        stage.loop.jump(YEAR - 20 * 86_400)
        stage.play(stage.ca.refuses("badRequest")).apply()
        stage.path("out/web-0.crt").unlink()
        stage.apply()
        assert stage.inventory.open["web"].stage is Stage.KEYED

    def test_the_result_of_an_update_too(self, stage):
        stage.apply()
        stage.edit("enrollments:", UPDATE + "\nenrollments:")
        stage.apply()
        octets = stage.path("out/up-0.crt").read_bytes()
        stage.path("out/up-0.crt").unlink()
        assert stage.codes()["up"] == ["certificate-missing"]
        assert stage.outcomes()["up"] == "unchanged"
        assert stage.path("out/up-0.crt").read_bytes() == octets


class TestTrouble:
    """What goes wrong on this side."""

    def test_a_full_disk_after_the_certificate_came_loses_nothing(self, stage, monkeypatch):
        def full(*_):
            raise KeyStoreError("cannot write", why="the disk is full", next_step="make room and run again")

        with monkeypatch.context() as patch:
            patch.setattr(files, "replace", full)
            result = stage.result()
        assert result.outcome is Outcome.FAILED
        assert result.failure.next_step == (
            "make room and run again; the certificate is safe in the journal, and the next apply goes on from there"
        )
        assert stage.codes() == {"web": ["open-confirmed"]}
        assert stage.outcomes() == {"web": "issued"}
        assert stage.ca.issued == 1
        assert pair_matches(stage)

    def test_a_staged_key_that_is_gone_does_not_cost_the_old_pair(self, stage, monkeypatch):
        stage.write(RENEWED).apply()
        stage.loop.jump(YEAR - 20 * 86_400)
        reached = renewal_event(stage, ("journal", "web", "confirmed"))
        assert stage.killed_at(reached + 1)
        stage.path("out/web.prv.next").unlink()
        result = stage.result()
        assert result.outcome is Outcome.FAILED
        assert "is gone" in result.failure.what
        assert pair_matches(stage)

    def test_anchors_that_are_gone_by_the_time_of_the_installation_leave_the_certificate_alone(self, stage):
        assert stage.killed_at(order_of(stage, ("journal", "web", "confirmed")) + 1)
        stage.path("ca.pem").write_bytes(to_pem(self_signed()))
        assert stage.outcomes() == {"web": "issued"}
        assert stage.files == ["ca.pem", "m.yaml", "out/web-0.crt", "out/web.prv"]

    def test_a_record_that_cannot_be_read_is_that_items_trouble(self, stage):
        stage.play(*[stage.ca.loses] * 3).apply()
        broken = replace(stage.inventory.open["web"], dialogue='{"state": "requested"}')
        journal = Journal.open(stage.state, create=False)
        journal.record([Change("web", "run", broken, at=NOON)])
        journal.close()
        result = stage.result()
        assert result.outcome is Outcome.FAILED
        assert "cannot be read" in result.failure.what

    def test_a_missing_credential_is_told_with_what_to_do(self, stage):
        stage.environ.clear()
        with pytest.raises(BadInput) as caught:
            stage.apply()
        assert "CA_PSK" in caught.value.diagnostics[0].summary
        assert stage.ca.sent == []
        assert not stage.path("out").exists()

    def test_one_items_failure_is_its_own(self, stage):
        stage.edit("output: out/web}", f"output: out/web}}\n{TWO}")
        outcomes = stage.play(stage.ca.refuses("badRequest")).outcomes(parallel=1)
        assert outcomes == {"web": "failed", "two": "issued"}


def renewal_event(stage, event):
    """The number of an event in a renewal, found by rehearsing the same on another stage."""
    with tempfile.TemporaryDirectory() as folder:
        rehearsal = AnotherStage(Path(folder))
        try:
            rehearsal.write(RENEWED).apply()
            rehearsal.loop.jump(YEAR - 20 * 86_400)
            rehearsal.events.clear()
            rehearsal.apply()
            return rehearsal.events.index(event)
        finally:
            rehearsal.close()


class TestRevocationsAndUpdates:
    """Which certificate is meant."""

    def test_the_one_that_the_plan_saw_is_revoked_whatever_lies_there_by_then(self, stage):
        """The enrollment is due in the same plan, and its new certificate takes the file first."""
        stage.write(RENEWED).apply()
        old = stage.certificate("out/web-0.crt")
        stage.loop.jump(YEAR - 20 * 86_400)
        stage.edit("enrollments:", REVOCATION + "\nenrollments:")
        results = {result.name: result for result in stage.apply().results}
        assert results["web"].outcome is Outcome.UPDATED
        assert results["rev"].certificate == summary_of(old)
        assert stage.certificate("out/web-0.crt") != old
        assert stage.verbs() == {"rev": "keep", "web": "keep"}

    def test_what_an_update_has_just_made_is_not_revoked(self, stage):
        stage.apply()
        stage.write(
            """
            updates:
              - {name: up, certificate: out/web-0.crt, key: "file:out/web.prv", output: out/web}
            revocations:
              - {name: rev, certificate: out/web-0.crt, credential: psk}
            """
        )
        assert stage.codes()["rev"] == ["successor-in-its-place"]
        assert stage.outcomes() == {"up": "updated", "rev": "failed"}

    def test_a_revocation_signed_with_the_certificates_own_key(self, stage):
        stage.apply()
        stage.write('revocations: [{name: rev, certificate: out/web-0.crt, key: "file:out/web.prv"}]\n')
        assert stage.outcomes() == {"rev": "revoked"}

    def test_a_credential_that_another_item_makes(self, stage):
        stage.write(
            """
            enrollments:
              - {name: api, credential: op, subject: CN=api, key: "generate://pkcs8@ec:p256/out/api", output: out/api}
              - {name: op, subject: CN=op, key: "generate://pkcs8@ec:p256/out/op", output: out/op}
            """
        )
        stage.edit("credentials:", 'credentials:\n  op: {certificate: out/op-0.crt, key: "file:out/op.prv"}')
        assert stage.outcomes() == {"api": "issued", "op": "issued"}
        assert stage.ca.kinds == ["ir", "certConf", "cr", "certConf"]
