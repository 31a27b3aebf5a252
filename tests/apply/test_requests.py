"""What an entry asks for beside its template: seen in the messages that went out, and in what the CA made of them."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from support.site import FRESH, entries, entry

from runner.asn1.archive import PKIPublicationInfo
from runner.asn1.cmp import CERT_PROFILE, PKIMessage
from runner.asn1.crmf import OptionalValidity
from runner.asn1.structures import decode, encode

LAB = "authorities: {lab: {url: lab:}}\n"
CONTROLS = "1.3.6.1.5.5.7.5.1."


def sent(site, *kinds):
    """The messages of those body types that went out, decoded."""
    traced = (decode(PKIMessage, path.read_bytes()) for path in sorted(site.file("trace").glob("*request.der")))
    return [message for message in traced if message.body.name in kinds]


def applied(site, text):
    done = site.write(text).apply("--trace", site.file("trace"))
    assert done.status == 0, done
    return done


def certificate(site, name="out/web-0.crt"):
    return x509.load_pem_x509_certificate(site.file(name).read_bytes())


def foreign_request(folder, *, subject="web", names=("web.example.com",)):
    """A PKCS #10 request by somebody else's program, and its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
    san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    request = builder.add_extension(san, critical=False).sign(key, hashes.SHA256())
    (folder / "web.csr").write_bytes(request.public_bytes(Encoding.PEM))
    (folder / "web.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return request


# PKCS #10


def test_a_request_whose_key_is_elsewhere_goes_out_as_it_is(site):
    request = foreign_request(site.folder)
    site.file("web.key").unlink()
    manifest = LAB + "enrollments: [{name: web, csr: web.csr, output: out/web, renew_before: 30d}]"
    done = applied(site, manifest)
    assert done.outcomes == {"web": "issued"}
    (message,) = sent(site, "p10cr")
    assert message.body.value == request.public_bytes(Encoding.DER)
    assert certificate(site).public_key() == request.public_key()
    assert site.verbs() == {"web": ("keep", ["good"])}
    assert done.items["web"]["key"]["path"] is None


def test_another_request_is_another_certificate(site):
    foreign_request(site.folder)
    applied(site, LAB + "enrollments: [{name: web, csr: web.csr, output: out/web}]")
    foreign_request(site.folder)
    assert site.verbs() == {"web": ("enroll", ["key-mismatch"])}
    applied_again = site.apply()
    assert applied_again.outcomes == {"web": "issued"}


def test_a_request_is_renewed_by_itself_once_more(site, shift):
    foreign_request(site.folder)
    applied(site, LAB + "enrollments: [{name: web, csr: web.csr, output: out/web, renew_before: 30d}]")
    shift(timedelta(days=340))
    assert site.verbs() == {"web": ("enroll", ["due"])}
    first = certificate(site)
    assert site.apply().outcomes == {"web": "issued"}
    assert certificate(site).serial_number != first.serial_number
    assert certificate(site).public_key() == first.public_key()


def test_a_request_with_its_key_beside_it(site):
    foreign_request(site.folder)
    manifest = LAB + 'enrollments: [{name: web, csr: web.csr, key: "file:web.key", output: out/web}]'
    assert applied(site, manifest).outcomes == {"web": "issued"}
    foreign_request(site.folder / "out")
    (site.folder / "web.key").write_bytes((site.folder / "out" / "web.key").read_bytes())
    (site.folder / "out" / "web-0.crt").unlink()
    done = site.write(manifest.replace("name: web", "name: other")).apply()
    assert (done.status, "is not a request for the key" in done.error("other")) == (3, True)


@pytest.mark.parametrize(
    "octets", [b"", b"no request", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"]
)
def test_a_file_that_is_no_request_blocks_its_entry(site, octets):
    site.file("web.csr").write_bytes(octets)
    site.write(LAB + "enrollments: [{name: web, csr: web.csr, output: out/web}]")
    assert site.verbs() == {"web": ("blocked", ["csr-unreadable"])}


def test_a_request_that_another_key_signed_blocks_its_entry(site):
    request = bytearray(foreign_request(site.folder).public_bytes(Encoding.DER))
    request[-1] ^= 1
    site.file("web.csr").write_bytes(request)
    site.write(LAB + "enrollments: [{name: web, csr: web.csr, output: out/web}]")
    assert "it is not signed" in site.plan().out


@pytest.mark.parametrize("kind", ["ec:p256", "rsa:2048", "ed25519"])
def test_a_request_is_made_from_the_template_and_openssl_verifies_it(site, openssl, kind):
    more = ", request: p10cr, alt_names: [dns=web.example.com], key_usage: [digitalSignature]"
    done = applied(site, LAB + entries(entry(f"generate://pkcs8@{kind}/out/web", more=more)))
    assert done.outcomes == {"web": "issued"}
    (message,) = sent(site, "p10cr")
    site.file("made.csr").write_bytes(message.body.value)
    command = [openssl, "req", "-inform", "DER", "-in", "made.csr", "-noout", "-verify", "-text"]
    judged = subprocess.run(command, cwd=site.folder, capture_output=True, text=True, check=True)
    assert "verify OK" in judged.stdout + judged.stderr
    assert "DNS:web.example.com" in judged.stdout
    assert "Digital Signature" in judged.stdout
    assert certificate(site).subject.rfc4514_string() == "CN=web"
    assert site.verbs() == {"web": ("keep", ["good"])}


# Extensions and validity


def test_further_extensions_and_a_validity_are_asked_for(site):
    more = (
        ', certificate_policies: [1.3.6.1.4.1.99999.1], valid_for: 3650d, not_before: "2026-01-01"'
        ', extensions: {1.3.6.1.5.5.7.1.24: "30 03 02 01 05", 1.2.3.4: {der: "0500", critical: true}}'
    )
    done = site.write(LAB + entries(entry(more=more))).apply("--trace", site.file("trace"))
    assert done.outcomes == {"web": "issued"}
    template = sent(site, "ir")[0].body.value[0].cert_req.cert_template
    found = {extension.extn_id: (extension.critical, extension.extn_value) for extension in template.extensions}
    assert found["1.3.6.1.5.5.7.1.24"] == (False, bytes.fromhex("3003020105"))
    assert found["1.2.3.4"] == (True, b"\x05\x00")
    policies = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), None)])
    assert found["2.5.29.32"] == (False, policies.public_bytes())
    start = datetime(2026, 1, 1, tzinfo=UTC)
    asked = decode(OptionalValidity, template.validity)
    assert (asked.not_before, asked.not_after) == (start, start + timedelta(days=3650))
    assert any("extension 1.2.3.4 is missing" in words for words in done.items["web"]["warnings"])


def test_a_span_begins_with_the_request(site):
    applied(site, LAB + entries(entry(more=", valid_for: 10d")))
    asked = decode(OptionalValidity, sent(site, "ir")[0].body.value[0].cert_req.cert_template.validity)
    assert asked.not_before is None
    assert timedelta(days=9) < asked.not_after - datetime.now(UTC) <= timedelta(days=10)
    assert certificate(site).not_valid_after_utc == asked.not_after
    assert site.verbs() == {"web": ("keep", ["good"])}


def test_policies_that_the_certificate_lacks_are_drift(site):
    applied(site, LAB + FRESH)
    site.write(LAB + entries(entry(more=", certificate_policies: [1.3.6.1.4.1.99999.1]")))
    assert site.verbs() == {"web": ("reissue", ["extensions"])}


def test_a_ca_certificate_is_asked_for_in_so_many_words(site):
    site.write(LAB + entries(entry(more=", basic_constraints: {ca: true, path_length: 0}, key_usage: [keyCertSign]")))
    done = site.apply("--trace", site.file("trace"))
    assert "the lab issues no CA certificates" in done.error("web")
    extensions = sent(site, "ir")[0].body.value[0].cert_req.cert_template.extensions
    asked = next(extension for extension in extensions if extension.extn_id == "2.5.29.19")
    assert asked.extn_value == x509.BasicConstraints(ca=True, path_length=0).public_bytes()


# Controls, regInfo, generalInfo


SECRETS = (
    ", reg_token: {file: token}, authenticator: {file: mother}"
    ', publication: {method: ldap, location: "uri=ldap://directory.example.com"}'
    ', reg_info: {version: "1", "what?": "50% off"}'
)


def controls(message):
    return {control.type: control.value for control in message.body.value[0].cert_req.controls}


def test_controls_and_reg_info_go_along(at_peer):
    at_peer.file("token").write_text("swordfish")
    at_peer.file("mother").write_text("Maria")
    done = at_peer.ask(entries(entry(more=SECRETS))).apply("--trace", at_peer.file("trace"))
    assert done.outcomes == {"web": "issued"}
    request = decode(PKIMessage, at_peer.peer.requests[0])
    found = controls(request)
    assert found[CONTROLS + "1"] == b"\x0c\x09swordfish"
    assert found[CONTROLS + "2"] == b"\x0c\x05Maria"
    told = decode(PKIPublicationInfo, found[CONTROLS + "3"])
    assert (told.action, told.pub_infos[0].pub_method) == (1, 3)
    (info,) = request.body.value[0].reg_info
    assert info.type == "1.3.6.1.5.5.7.5.2.1"
    assert info.value[2:].decode() == "version?1%what%3f?50%% off%"
    traced = b"".join(path.read_bytes() for path in at_peer.file("trace").iterdir())
    for secret in ("swordfish", "Maria"):
        assert secret not in done.out + done.err + str(done.report)
        assert secret.encode() not in traced


def test_a_token_that_is_not_there_is_found_before_anything_is_sent(at_peer):
    at_peer.file("token").write_text("")
    done = at_peer.ask(entries(entry(more=", reg_token: {env: NO_SUCH_TOKEN}"))).apply()
    assert (done.status, at_peer.peer.requests) == (1, [])
    assert "NO_SUCH_TOKEN" in done.err


@pytest.mark.parametrize(("said", "action"), [("please", 1), ("dont", 0)])
def test_publication_in_a_word(site, said, action):
    applied(site, LAB + entries(entry(more=f", publication: {said}")))
    told = decode(PKIPublicationInfo, controls(sent(site, "ir")[0])[CONTROLS + "3"])
    assert (told.action, told.pub_infos) == (action, ())


def test_headers_bear_the_profile_and_free_items_of_entry_template_and_authority(site):
    site.write(
        'authorities: {lab: {url: "lab:", cert_profile: usual, general_info: {1.2.3.4: ours, 1.2.3.5: null}}}\n'
        "templates: {server: {cert_profile: server}}\n"
        + entries(
            entry(name="a", output="out/a", key="generate://pkcs8@ec:p256/out/a"),
            entry(name="b", output="out/b", key="generate://pkcs8@ec:p256/out/b", more=", template: server"),
            entry(
                name="c",
                output="out/c",
                key="generate://pkcs8@ec:p256/out/c",
                more=', cert_profile: own, general_info: {1.2.3.4: {}, suppLangTags: {der: "30040c026669"}}',
            ),
        )
    )
    assert site.apply("--trace", site.file("trace"), "--parallel", "1").summary == {"issued": 3}
    told = [{item.info_type: item.info_value for item in m.header.general_info} for m in sent(site, "ir")]
    assert [info[CERT_PROFILE][4:] for info in told] == [b"usual", b"server", b"own"]
    assert told[0]["1.2.3.4"] == b"\x0c\x04ours"
    assert told[0]["1.2.3.5"] == b"\x05\x00"
    assert told[2]["1.2.3.4"] is None
    assert told[2]["1.3.6.1.5.5.7.4.16"] == bytes.fromhex("30040c026669")


@pytest.mark.parametrize(
    ("authority", "own", "named"),
    [
        ("", "", True),
        (", old_cert_id: false", "", False),
        ("", ", old_cert_id: false", False),
        (", old_cert_id: false", ", old_cert_id: true", True),
    ],
)
def test_an_update_names_the_old_certificate_unless_it_is_told_not_to(site, authority, own, named):
    head = f'authorities: {{lab: {{url: "lab:"{authority}}}}}\n'
    applied(site, head + FRESH)
    update = f'updates: [{{name: next, certificate: out/web-0.crt, key: "file:out/web.prv", output: out/next{own}}}]'
    assert site.write(head + update).apply("--trace", site.file("trace-2")).outcomes == {"next": "updated"}
    messages = (decode(PKIMessage, path.read_bytes()) for path in site.file("trace-2").glob("*request.der"))
    (kur,) = [message for message in messages if message.body.name == "kur"]
    assert (CONTROLS + "5" in controls(kur)) is named


def test_messages_may_be_addressed_to_somebody_else(at_peer):
    at_peer.ask(FRESH, more='recipient: "O=Example, CN=Plant RA"').apply()
    assert b"Plant RA" in decode(PKIMessage, at_peer.peer.requests[0]).header.recipient


# Revocation by number


def test_a_certificate_is_revoked_by_issuer_and_serial_since_a_day(at_peer):
    at_peer.ask(FRESH).apply()
    issued = certificate(at_peer)
    rows = f"""
revocations:
  - name: lost
    issuer: "{at_peer.peer.lab.ca_name}"
    serial: {issued.serial_number:#x}
    reason: keyCompromise
    invalidity_date: 2026-01-01
"""
    done = at_peer.ask(rows).apply()
    assert done.outcomes == {"lost": "revoked"}
    (details,) = decode(PKIMessage, at_peer.peer.requests[-1]).body.value
    assert details.cert_details.serial_number == issued.serial_number
    found = {extension.extn_id: extension.extn_value for extension in details.crl_entry_details}
    assert found["2.5.29.21"] == b"\x0a\x01\x01"
    assert found["2.5.29.24"] == b"\x18\x0f20260101000000Z"
    assert at_peer.verbs() == {"lost": ("keep", ["done"])}
    at_peer.ask(FRESH)
    assert at_peer.verbs() == {"web": ("enroll", ["revoked"])}  # it is known to be the one that we hold


def test_a_number_that_nobody_holds_is_revoked_all_the_same(at_peer):
    rows = f'revocations: [{{name: lost, issuer: "{at_peer.peer.lab.ca_name}", serial: "4711"}}]'
    done = at_peer.ask(rows).apply()
    assert "the CA refused: rejection (badCertId)" in done.error("lost")
    (details,) = decode(PKIMessage, at_peer.peer.requests[-1]).body.value
    assert (details.cert_details.serial_number, encode(details)[:1]) == (4711, b"\x30")


def test_a_request_with_a_token_is_repeated_word_for_word_and_the_state_holds_no_token(at_peer):
    at_peer.file("token").write_text("swordfish")
    honest, at_peer.peer.behave = at_peer.peer.behave, lambda *_: b"no answer at all"
    row = entries(entry(more=", reg_token: {file: token}"))
    assert at_peer.ask(row).apply().outcomes == {"web": "unknown"}
    first = at_peer.peer.requests[0]
    kept = b"".join(path.read_bytes() for path in at_peer.file(".cmp-batch").rglob("*") if path.is_file())
    assert b64encode(first) not in kept
    assert b"swordfish" in first
    at_peer.peer.behave = honest
    at_peer.file("token").write_text("catfish!!")
    done = at_peer.apply()
    assert "cannot be repeated" in done.error("web")
    at_peer.file("token").write_text("swordfish")
    assert at_peer.apply().outcomes == {"web": "issued"}
    assert at_peer.peer.requests.count(first) >= 2
