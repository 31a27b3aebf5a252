"""Questions to the CA, from the manifest to the files: what the lab answers, and what a scripted CA does."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from support import answering as a
from support.hierarchy import CERT_SIGN, issue, root
from support.requester import Secret

from runner.asn1.cmp import InfoTypeAndValue, PKIMessage
from runner.asn1.infotypes import INFO_TYPES, RootCaKeyUpdateContent
from runner.asn1.structures import decode, encode
from runner.pki.certificates import certificates_in, to_pem

LAB = "authorities: {lab: {url: lab:}}\n"


def question(what, more="", name="ask"):
    return f"fetches: [{{name: {name}, what: {what}{more}}}]"


def text_of(done, name="ask"):
    return done.items[name]["status_text"]


# The lab


def test_the_ca_certificates_are_fetched_once_and_again_when_they_are_gone(site, openssl):
    site.write(LAB + question("caCerts", ", output: out/ca.pem"))
    assert site.verbs() == {"ask": ("fetch", ["asked"])}
    done = site.apply()
    assert (done.status, done.outcomes) == (0, {"ask": "fetched"})
    (certificate,) = certificates_in(site.file("out/ca.pem").read_bytes())
    assert certificate.fingerprint in text_of(done)
    judged = subprocess.run(
        [openssl, "x509", "-in", "out/ca.pem", "-noout", "-subject"], cwd=site.folder, capture_output=True, check=True
    )
    assert b"CN" in judged.stdout
    assert site.verbs() == {"ask": ("keep", ["done"])}
    assert site.apply().outcomes == {"ask": "unchanged"}
    site.file("out/ca.pem").unlink()
    assert site.verbs() == {"ask": ("fetch", ["file-missing"])}
    assert site.apply().outcomes == {"ask": "fetched"}


@pytest.mark.parametrize(("form", "inform"), [("pem", "PEM"), ("der", "DER")])
def test_a_crl_is_fetched_and_again_when_it_is_time(site, shift, openssl, form, inform):
    site.write(LAB + question("currentCrl", f", output: out/ca.crl, format: {form}, refresh: 1d"))
    assert site.apply().outcomes == {"ask": "fetched"}
    command = [openssl, "crl", "-in", "out/ca.crl", "-inform", inform, "-noout", "-issuer"]
    subprocess.run(command, cwd=site.folder, capture_output=True, check=True)
    assert site.verbs() == {"ask": ("keep", ["done"])}
    shift(timedelta(hours=25))
    assert site.verbs() == {"ask": ("fetch", ["due"])}
    assert site.apply().outcomes == {"ask": "fetched"}


def test_a_general_question_shows_what_the_ca_tells(site):
    done = site.write(LAB + question("general")).apply()
    assert done.outcomes == {"ask": "fetched"}
    assert "currentCRL" in text_of(done)


def test_a_file_that_is_not_ours_is_in_the_way(site):
    site.file("ca.pem").write_text("mine")
    site.write(LAB + question("caCerts", ", output: ca.pem"))
    assert site.verbs() == {"ask": ("blocked", ["file-in-the-way"])}
    site.apply()
    assert site.file("ca.pem").read_text() == "mine"


# A scripted CA


def answers(lab, request, *items, kind="genp", **more):
    reference, _, key = lab.psk.partition(":")
    content = items if kind == "genp" else more.pop("content")
    secret = Secret(reference.encode(), key.encode())
    return a.say(kind, content, request=decode(PKIMessage, request), by=secret, **more)


def item(name, value=None):
    return InfoTypeAndValue(info_type=INFO_TYPES[name], info_value=value)


def test_what_the_ca_does_not_tell_is_a_failure_of_its_own(at_peer):
    at_peer.peer.behave = lambda lab, request, _n: answers(lab, request, item("caCerts"))
    done = at_peer.ask(question("caProtEncCert", ", output: out/keeper.pem")).apply()
    assert (done.status, done.outcomes) == (3, {"ask": "failed"})
    assert "does not tell it" in done.error("ask")
    assert not at_peer.file("out").exists()


def roots(*, linked=True, namesake=False):
    """An old root, a new one, and its update; `namesake`: newWithOld is by a third root of the same name."""
    now = x509_now()
    old, new, third = (root("Root", valid=now) for _ in range(3))
    link = issue("Root", third if namesake else old, key=new.key, ca=True, usages=CERT_SIGN, valid=now)
    content = RootCaKeyUpdateContent(new_with_new=new.der, new_with_old=link.der if linked else None)
    return old, new, encode(content)


def x509_now():
    now = datetime.now(UTC).replace(microsecond=0)
    return now - timedelta(days=1), now + timedelta(days=365)


def ask_for_root(at_peer, old, content, more=""):
    at_peer.file("old.pem").write_bytes(to_pem(old.der))
    at_peer.peer.behave = lambda lab, request, _n: answers(lab, request, item("rootCaKeyUpdate", content))
    rows = question("rootCaKeyUpdate", f", root: old.pem, output: out/new.pem{more}")
    return at_peer.ask(rows).apply()


def test_a_new_root_is_shown_and_trusted_nowhere_by_itself(at_peer):
    old, new, content = roots()
    done = ask_for_root(at_peer, old, content)
    assert done.outcomes == {"ask": "fetched"}
    assert new.ours.fingerprint in text_of(done)
    assert "nothing trusts" in text_of(done)
    assert certificates_in(at_peer.file("out/new.pem").read_bytes())[0].der == new.der
    assert sorted(path.name for path in at_peer.file("out").iterdir()) == ["new.pem"]
    asked = decode(PKIMessage, at_peer.peer.requests[0]).body
    assert (asked.name, asked.value[0].info_value) == ("genm", old.der)


def test_a_new_root_is_added_to_the_anchors_where_the_manifest_says_so(at_peer):
    old, new, content = roots()
    at_peer.file("roots.pem").write_bytes(to_pem(old.der))
    done = ask_for_root(at_peer, old, content, ", install_trust: roots.pem")
    assert [each.der for each in certificates_in(at_peer.file("roots.pem").read_bytes())] == [old.der, new.der]
    assert "it was added to" in text_of(done)
    assert at_peer.apply().outcomes == {"ask": "unchanged"}


@pytest.mark.parametrize(
    ("made", "why"),
    [({"linked": False}, "without newWithOld"), ({"namesake": True}, "no root of ours signed newWithOld")],
    ids=["by nobody", "by a namesake alone"],  # who bears the name of the root that is trusted, and not its key
)
def test_a_new_root_that_is_not_vouched_for_is_not_written(at_peer, made, why):
    old, _, content = roots(**made)
    at_peer.file("roots.pem").write_bytes(to_pem(old.der))
    done = ask_for_root(at_peer, old, content, ", install_trust: roots.pem")
    assert done.outcomes == {"ask": "failed"}
    assert why in done.error("ask")
    assert [each.der for each in certificates_in(at_peer.file("roots.pem").read_bytes())] == [old.der]
    assert not at_peer.file("out/new.pem").exists()


def test_a_template_is_written_as_an_operator_writes_it(at_peer, vectors):
    octets = (vectors / "siemens-ra-creds/CertTemplate.der").read_bytes()
    at_peer.peer.behave = lambda lab, request, _n: answers(lab, request, item("certReqTemplate", octets))
    done = at_peer.ask(question("certReqTemplate", ", output: server.yaml, cert_profile: server")).apply()
    assert done.outcomes == {"ask": "fetched"}
    template = at_peer.file("server.yaml").read_text()
    header = decode(PKIMessage, at_peer.peer.requests[0]).header
    assert [info.info_type for info in header.general_info] == [INFO_TYPES["certProfile"]]
    used = at_peer.write(
        LAB
        + template.split("\n", 1)[1]
        + 'enrollments: [{name: web, template: ask, key: "generate://pkcs8@rsa:2048/web", output: web}]'
    )
    assert used.apply().outcomes == {"web": "issued"}


def test_an_answer_that_comes_later_is_polled_for(at_peer):
    def later(lab, request, number):
        if number == 0:
            return answers(lab, request, kind="error", content=a.error("waiting", bits=()))
        if number == 1:
            return answers(lab, request, kind="pollRep", content=a.later(1, cert_req_id=-1))
        return answers(lab, request, item("preferredSymmAlg", bytes.fromhex("300b0609608648016503040102")))

    at_peer.peer.behave = later
    done = at_peer.ask(question("preferredSymmAlg")).apply()
    assert done.outcomes == {"ask": "fetched"}
    assert text_of(done) == "2.16.840.1.101.3.4.1.2"
    assert [decode(PKIMessage, each).body.name for each in at_peer.peer.requests] == ["genm", "pollReq", "pollReq"]


SYMMETRIC = bytes.fromhex("300b0609608648016503040102")
NEVER = "polling: {max_wait: 0s}"


def put_off(lab, request, _number):
    return answers(lab, request, kind="error", content=a.error("waiting", bits=()))


def bodies(at_peer):
    return [decode(PKIMessage, each).body.name for each in at_peer.peer.requests]


def test_an_answer_that_takes_too_long_is_polled_for_by_the_next_run(at_peer, shift):
    at_peer.peer.behave = put_off
    done = at_peer.ask(question("preferredSymmAlg"), more=NEVER).apply()
    assert (done.status, done.outcomes) == (4, {"ask": "pending"})
    assert at_peer.verbs() == {"ask": ("resume", ["open-waiting"])}
    shift(timedelta(minutes=1))
    at_peer.peer.behave = lambda lab, request, _n: answers(lab, request, item("preferredSymmAlg", SYMMETRIC))
    done = at_peer.apply()
    assert done.outcomes == {"ask": "fetched"}
    assert text_of(done) == "2.16.840.1.101.3.4.1.2"
    assert bodies(at_peer) == ["genm", "pollReq", "pollReq"]
    assert len({decode(PKIMessage, each).header.transaction_id for each in at_peer.peer.requests}) == 1
    assert at_peer.apply().outcomes == {"ask": "unchanged"}


def test_an_entry_that_changes_meanwhile_is_asked_anew(at_peer):
    at_peer.peer.behave = put_off
    at_peer.ask(question("general"), more=NEVER).apply()
    at_peer.peer.behave = lambda lab, request, _n: answers(lab, request, item("preferredSymmAlg", SYMMETRIC))
    at_peer.ask(question("preferredSymmAlg"), more=NEVER)
    assert at_peer.verbs() == {"ask": ("fetch", ["asked"])}
    assert at_peer.apply().outcomes == {"ask": "fetched"}
    assert bodies(at_peer) == ["genm", "pollReq", "genm"]
    assert at_peer.verbs() == {"ask": ("keep", ["done"])}


def test_a_question_that_the_ca_has_forgotten_has_failed_and_is_asked_anew(at_peer, shift):
    at_peer.peer.behave = put_off
    at_peer.ask(question("preferredSymmAlg"), more=NEVER).apply()
    shift(timedelta(minutes=1))
    at_peer.peer.behave = lambda lab, request, _n: answers(
        lab, request, kind="error", content=a.error("rejection", bits=(2,))
    )
    assert at_peer.apply().outcomes == {"ask": "failed"}
    assert at_peer.verbs() == {"ask": ("fetch", ["asked"])}


def test_an_answer_that_is_of_no_use_leaves_nothing_open(at_peer):
    at_peer.peer.behave = lambda lab, request, _n: answers(lab, request, item("caCerts"))
    at_peer.ask(question("caProtEncCert", ", output: out/keeper.pem")).apply()
    assert at_peer.verbs() == {"ask": ("fetch", ["asked"])}


def test_an_answer_under_a_wrong_secret_is_not_believed(at_peer):
    at_peer.peer.behave = lambda _lab, request, _n: a.say(
        "genp", (item("caCerts"),), request=decode(PKIMessage, request), by=Secret(b"lab", b"another")
    )
    done = at_peer.ask(question("caCerts", ", output: ca.pem.new")).apply()
    assert done.outcomes == {"ask": "failed"}
    assert "MAC is wrong" in done.error("ask")


def test_x509_of_the_answer_is_what_others_read(at_peer):
    at_peer.ask(question("caCerts", ", output: out/ca.pem")).apply()
    assert x509.load_pem_x509_certificates(at_peer.file("out/ca.pem").read_bytes())
