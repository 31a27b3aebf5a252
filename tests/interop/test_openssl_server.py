"""cmp-batch as the client of OpenSSL's own CMP server (`openssl cmp -port`), from a manifest to files on disk.

The mock answers every enrolment with one fixed certificate, speaks HTTP/1.0 with keep-alive, forgets a transaction
whose connection ends, and hangs up after each transaction although it announced to stay.
"""

from __future__ import annotations

import contextlib
import http.client
import stat
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.issuing import CMC_RA, issued, root
from support.openssl_mock import OpensslMock
from support.peers import Peer
from support.site import Site

from runner.pki.certificates import certificates_in

SECRET = "kept-by-both-sides"


@dataclass(frozen=True)
class Protected:
    """One kind of protection: the mock's options, and the manifest's credential."""

    name: str
    options: tuple[str, ...]
    credential: str

    def __str__(self):
        return self.name


PBM = Protected("pbm", ("-srv_ref", "4711", "-srv_secret", f"pass:{SECRET}"), "psk")
SIGNED = Protected(
    "signature", ("-srv_cert", "server.crt", "-srv_key", "server.key", "-srv_trusted", "ca.crt"), "operator"
)
BOTH = pytest.mark.parametrize("protected", [PBM, SIGNED], ids=str)


@pytest.fixture(scope="module")
def ca():
    return root("Mock CA")


@pytest.fixture(scope="module")
def pki(ca, tmp_path_factory):
    """A folder of NAME.crt and NAME.key: a CA and what it issued, and a server that another CA speaks for."""
    folder, stranger = tmp_path_factory.mktemp("pki"), root("Another CA")
    web = issued(ca, "web")
    pairs = {
        "ca": ca,
        "server": issued(ca, "server", purposes=[CMC_RA]),
        "plain": issued(ca, "plain"),
        "stranger": issued(stranger, "stranger", purposes=[CMC_RA]),
        "operator": issued(ca, "operator"),
        "web": web,
        "web-2": issued(ca, "web", serial=web.certificate.serial_number),  # by which the mock knows what is updated
    }
    for name, pair in pairs.items():
        pair.write(folder, name)
    return folder


@pytest.fixture
def site(pki, tmp_path, capsys):
    """A manifest's folder with the same files, and the secret."""
    folder = tmp_path / "site"
    folder.mkdir()
    for path in pki.glob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "psk").write_text(f"4711:{SECRET}\n")
    return Site(folder, capsys.readouterr)


@pytest.fixture
def mock(openssl, pki, tmp_path):
    """`mock(protected, *options)` → a running server that hands out web.crt; ended after the test."""
    with contextlib.ExitStack() as running:

        def start(protected, *options):
            certificate = () if "-rsp_cert" in options else ("-rsp_cert", str(pki / "web.crt"))
            return running.enter_context(OpensslMock(openssl, pki, *protected.options, *certificate, *options))

        yield start


WEB = 'enrollments: [{name: web, subject: CN=web, key: "file:web.key", output: out/web}]'
FRESH = 'enrollments: [{name: web, subject: CN=web, key: "generate://pkcs8@ec:p256/out/web", output: out/web}]'


def manifest(url, protected, items=WEB, *, more="", max_wait="10s"):
    return f"""
authorities:
  mock:
    url: {url}
    name: CN=Mock CA
    trust: [ca.crt]
    credential: {protected.credential}
    limits: {{timeout: 10s, retries: 1}}
    polling: {{max_wait: {max_wait}}}
    {more}
credentials:
  psk: {{psk: {{file: psk}}, iterations: 500}}
  operator: {{certificate: operator.crt, key: "file:operator.key"}}
{items}
"""


def same_certificate(left, right):
    return certificates_in(left.read_bytes()) == certificates_in(right.read_bytes())


@BOTH
@pytest.mark.parametrize("request_type", ["ir", "cr"])
def test_an_enrolment_with_the_matching_key_is_issued(site, mock, protected, request_type):
    server = mock(protected)
    site.write(manifest(server.url, protected, WEB.replace("name: web,", f"name: web, request: {request_type},")))
    done = site.apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"})
    assert done.items["web"]["pki_status"] == "accepted"
    assert done.items["web"]["attempts"] == 2  # the request, and certConf
    assert done.items["web"]["warnings"] == []
    assert same_certificate(site.file("out/web-0.crt"), site.file("web.crt"))
    assert same_certificate(site.file("out/web-0.ca"), site.file("ca.crt"))
    assert stat.S_IMODE(site.file("out/web-0.crt").stat().st_mode) == 0o644
    assert sorted(path.name for path in site.file("out").iterdir()) == ["web-0.ca", "web-0.crt"]
    assert "error" not in server.stop()


def update_of_web(protected, new_key):
    """With PBM by the secret; otherwise the certificate signs its own update."""
    credential = "credential: psk, " if protected is PBM else ""
    keys = f'key: "file:web.key", new_key: "{new_key}"'
    return f"updates: [{{name: rotate, certificate: web.crt, {credential}{keys}, output: out/web-2}}]"


@BOTH
def test_a_key_update_gets_its_new_certificate(site, mock, protected):
    server = mock(protected, "-rsp_cert", "web-2.crt")
    done = site.write(manifest(server.url, protected, update_of_web(protected, "file:web-2.key"))).apply()
    assert (done.status, done.outcomes) == (0, {"rotate": "updated"})
    assert same_certificate(site.file("out/web-2-0.crt"), site.file("web-2.crt"))
    assert "error" not in server.stop()


@BOTH
def test_a_key_update_with_the_old_certificate_is_rejected(site, mock, protected):
    server = mock(protected)
    update = update_of_web(protected, "generate://pkcs8@ec:p256/out/web-2")
    done = site.write(manifest(server.url, protected, update)).apply()
    assert (done.status, done.outcomes) == (3, {"rotate": "failed"})
    assert "the certificate is for another key than ours" in done.error("rotate")
    assert "certificate rejected by client" in server.stop()
    assert [path.name for path in site.file("out").iterdir()] == ["web-2.prv"]


@pytest.mark.parametrize("how", ["psk", "operator", "its own key"])
def test_a_revocation_is_done(site, mock, how):
    protected = PBM if how == "psk" else SIGNED
    signer = 'key: "file:web.key"' if how == "its own key" else f"credential: {how}"
    server = mock(protected)
    site.write(manifest(server.url, protected, f"revocations: [{{name: old, certificate: web.crt, {signer}}}]"))
    done = site.apply()
    assert (done.status, done.outcomes) == (0, {"old": "revoked"})
    assert done.items["old"]["attempts"] == 1
    assert "error" not in server.stop()
    assert site.apply().outcomes == {"old": "unchanged"}  # with the server gone


def test_a_revocation_of_a_certificate_that_it_does_not_know_is_refused(site, mock):
    site.write(manifest(mock(PBM).url, PBM, "revocations: [{name: old, certificate: operator.crt}]"))
    done = site.apply()
    assert (done.status, done.outcomes) == (3, {"old": "failed"})
    assert "the CA refused: rejection" in done.error("old")


@BOTH
def test_a_certificate_for_another_key_is_rejected_and_the_server_hears_it(site, mock, protected):
    server = mock(protected)
    done = site.write(manifest(server.url, protected, FRESH)).apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert done.items["web"]["attempts"] == 2
    assert "the certificate is for another key than ours" in done.error("web")
    assert "certificate rejected by client" in server.stop()
    key = site.file("out/web.prv")
    assert [path.name for path in site.file("out").iterdir()] == ["web.prv"]  # the key is kept, and nothing installed
    before = key.read_bytes()
    again = site.write(manifest(mock(protected).url, protected, FRESH)).apply()
    assert again.outcomes == {"web": "failed"}
    assert key.read_bytes() == before


def test_a_kept_key_is_certified_once_the_server_has_the_right_certificate(site, mock, ca):
    assert site.write(manifest(mock(PBM).url, PBM, FRESH)).apply().outcomes == {"web": "failed"}
    key = load_pem_private_key(site.file("out/web.prv").read_bytes(), None)
    right = site.file("right.crt")
    right.write_bytes(issued(ca, "web", key).pem)
    done = site.write(manifest(mock(PBM, "-rsp_cert", str(right)).url, PBM, FRESH)).apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"})
    assert same_certificate(site.file("out/web-0.crt"), right)


@BOTH
@pytest.mark.parametrize(("granted", "attempts"), [(True, 1), (False, 2)])
def test_implicit_confirmation_saves_certconf_where_it_is_granted(site, mock, protected, granted, attempts):
    server = mock(protected, *(["-grant_implicitconf"] if granted else []))
    done = site.write(manifest(server.url, protected, more="implicit_confirm: true")).apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"})
    assert done.items["web"]["attempts"] == attempts
    assert server.stop().count("Received request") == attempts


def test_implicit_confirmation_that_nobody_asked_for_is_not_granted(site, mock):
    done = site.write(manifest(mock(PBM, "-grant_implicitconf").url, PBM)).apply()
    assert (done.status, done.items["web"]["attempts"]) == (0, 2)


def test_a_wrong_certificate_that_was_confirmed_implicitly_is_put_aside_to_be_revoked(site, mock):
    server = mock(PBM, "-grant_implicitconf")
    done = site.write(manifest(server.url, PBM, FRESH, more="implicit_confirm: true")).apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "the CA counts it as confirmed" in done.error("web")
    assert sorted(path.name for path in site.file("out").iterdir()) == ["web-0.crt.unconfirmed", "web.prv"]
    assert same_certificate(site.file("out/web-0.crt.unconfirmed"), site.file("web.crt"))


@BOTH
def test_polling_ends_with_the_certificate(site, mock, protected):
    server = mock(protected, "-poll_count", "2", "-check_after", "1")
    done = site.write(manifest(server.url, protected)).apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"})
    assert done.items["web"]["attempts"] == 4  # the request, two pollReqs, certConf
    assert "error" not in server.stop()


@BOTH
def test_what_takes_too_long_is_pending_and_the_next_apply_finishes_it(site, mock, protected, monkeypatch):
    server = mock(protected, "-poll_count", "2", "-check_after", "1")
    upstream = http.client.HTTPConnection("127.0.0.1", server.port)

    def relay(_lab, request, _number):
        upstream.request("POST", "/pkix/", request, {"Content-Type": "application/pkixcmp"})
        return upstream.getresponse().read()

    with Peer(relay) as proxy, contextlib.closing(upstream):  # the mock forgets what its connection took along
        done = site.write(manifest(proxy.url, protected, max_wait="0s")).apply()
        assert (done.status, done.outcomes) == (4, {"web": "pending"})
        assert "the CA has not decided yet" in done.error("web")
        assert not site.file("out").exists()
        assert site.verbs() == {"web": ("resume", ["open-waiting"])}
        for passed in (2, 4):  # it has to be asked twice
            later = timedelta(seconds=passed)
            monkeypatch.setattr("runner.system.SystemClock.now", lambda _, later=later: datetime.now(UTC) + later)
            done = site.apply() if done.status == 4 else done
        assert (done.status, done.outcomes) == (0, {"web": "issued"})
    assert "error" not in server.stop()
    assert same_certificate(site.file("out/web-0.crt"), site.file("web.crt"))


@BOTH
@pytest.mark.parametrize(
    ("options", "status", "bits", "words"),
    [
        (("-send_error",), "rejection", ["badRequest"], "error processing message"),
        (("-pkistatus", "2"), "rejection", [], "the CA refused: rejection"),
        (
            ("-pkistatus", "2", "-failure", "7", "-statusstring", "not today"),
            "rejection",
            ["incorrectData"],
            "not today",
        ),
        (("-pkistatus", "2", "-failurebits", "516"), "rejection", ["badRequest", "badPOP"], "(badRequest, badPOP)"),
        (("-pkistatus", "3"), "rejection", ["badRequest"], "unexpected pkibody"),  # waiting, and no answer to pollReq
        (("-pkistatus", "4"), "revocationWarning", [], "the CA refused: revocationWarning"),
        (("-pkistatus", "5"), "revocationNotification", [], "the CA refused: revocationNotification"),
        (("-pkistatus", "6"), "keyUpdateWarning", [], "the CA refused: keyUpdateWarning"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_authentic_no_is_told_as_it_was_said(site, mock, protected, options, status, bits, words):
    done = site.write(manifest(mock(protected, *options).url, protected)).apply()
    item = done.items["web"]
    assert (done.status, item["outcome"]) == (3, "failed")
    assert (item["pki_status"], item["fail_info"]) == (status, bits)
    assert words in done.error("web")
    assert words in done.out
    assert not site.file("out").exists()


def test_a_certificate_with_modifications_is_taken(site, mock):
    done = site.write(manifest(mock(PBM, "-pkistatus", "1").url, PBM)).apply()
    assert (done.status, done.items["web"]["pki_status"]) == (0, "grantedWithMods")


@BOTH
@pytest.mark.parametrize(
    "options",
    [("-send_unprotected", "-send_error"), ("-send_unprot_err", "-pkistatus", "2", "-statusstring", "not today")],
)
def test_an_unprotected_no_is_told_and_not_believed(site, mock, protected, options):
    done = site.write(manifest(mock(protected, *options).url, protected)).apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "nothing proves that the CA does" in done.error("web")
    assert done.items["web"]["pki_status"] is None
    assert site.write(manifest(mock(protected).url, protected)).apply().outcomes == {"web": "issued"}


@BOTH
def test_an_unprotected_certificate_is_not_believed_and_the_outcome_is_unknown(site, mock, protected):
    done = site.write(manifest(mock(protected, "-send_unprotected").url, protected)).apply()
    assert (done.status, done.outcomes) == (5, {"web": "unknown"})
    assert "the message is not protected" in done.error("web")
    assert not site.file("out").exists()
    assert site.verbs() == {"web": ("resume", ["open-sent"])}
    assert site.write(manifest(mock(protected).url, protected)).apply().outcomes == {"web": "issued"}


def test_a_wrong_secret_is_named_and_the_key_serves_the_next_apply(site, mock):
    site.file("psk").write_text("4711:something-else")
    done = site.write(manifest(mock(PBM).url, PBM, FRESH)).apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "nothing proves that the CA does: rejection (badRequest): wrong pbm value" in done.error("web")
    assert "credential" in done.items["web"]["error"]["next_step"]
    assert "something-else" not in done.out + done.err + str(done.report)
    key = site.file("out/web.prv").read_bytes()
    site.file("psk").write_text(f"4711:{SECRET}")
    assert "for another key" in site.apply().error("web")  # the server's answer is believed now
    assert site.file("out/web.prv").read_bytes() == key


@pytest.mark.parametrize(
    ("server", "words"),
    [("plain", "is not known to speak for the CA"), ("stranger", "CN=stranger")],
)
def test_an_answer_signed_by_somebody_we_do_not_trust_is_not_believed(site, mock, server, words):
    options = ("-srv_cert", f"{server}.crt", "-srv_key", f"{server}.key", "-srv_trusted", "ca.crt")
    other = Protected("signature", options, "operator")
    done = site.write(manifest(mock(other).url, other)).apply()
    assert (done.status, done.outcomes) == (5, {"web": "unknown"})
    assert words in done.error("web")
    assert not site.file("out").exists()


def test_a_server_certificate_that_the_manifest_names_is_believed(site, mock):
    options = ("-srv_cert", "plain.crt", "-srv_key", "plain.key", "-srv_trusted", "ca.crt")
    other = Protected("signature", options, "operator")
    assert site.write(manifest(mock(other).url, other)).apply().outcomes == {"web": "unknown"}
    done = site.write(manifest(mock(other).url, other, more="certificate: plain.crt")).apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"})


@pytest.mark.parametrize("parallel", [1, 4])
@BOTH
def test_a_connection_that_is_closed_after_each_transaction_disturbs_nobody(site, mock, protected, parallel):
    entry = (
        '{name: "web-${n}", for_each: {n: [1, 2, 3, 4]}, subject: CN=web, key: "file:web.key", output: "out/${name}"}'
    )
    server = mock(protected)
    done = site.write(manifest(server.url, protected, f"enrollments: [{entry}]")).apply("--parallel", parallel)
    assert (done.status, done.summary) == (0, {"issued": 4})
    assert "error" not in server.stop()


@BOTH
def test_a_request_of_pkcs10_is_answered(site, mock, protected, openssl):
    """The mock hands out web.crt, whatever the request says: it is one for web's key."""
    command = [openssl, "req", "-new", "-key", "web.key", "-subj", "/CN=web", "-out", "web.csr"]
    subprocess.run(command, cwd=site.folder, capture_output=True, check=True)
    server = mock(protected)
    items = "enrollments: [{name: web, csr: web.csr, output: out/web}]"
    done = site.write(manifest(server.url, protected, items)).apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"})
    assert same_certificate(site.file("out/web-0.crt"), site.file("web.crt"))
    assert "error" not in server.stop()


@BOTH
def test_a_request_of_pkcs10_that_is_made_here_is_answered(site, mock, protected):
    server = mock(protected)
    done = site.write(manifest(server.url, protected, WEB.replace("name: web,", "name: web, request: p10cr,"))).apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"})
    assert "error" not in server.stop()


@BOTH
def test_a_question_without_any_item_is_answered(site, mock, protected):
    server = mock(protected)
    done = site.write(manifest(server.url, protected, "fetches: [{name: ask, what: general}]")).apply()
    assert (done.status, done.outcomes) == (0, {"ask": "fetched"})
    assert "error" not in server.stop()


@pytest.mark.parametrize("owf", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("hmac", ["hmac-sha1", "hmac-sha1-pkcs5", "hmac-sha256", "hmac-sha512"])
def test_password_based_macs_of_many_measures_are_verified_by_it(site, mock, owf, hmac):
    server = mock(PBM)
    measures = f"mac: {{owf: {owf}, hmac: {hmac}, iterations: 300, salt_length: 20}}"
    text = manifest(server.url, PBM).replace("iterations: 500", measures)
    done = site.write(text).apply()
    assert (done.status, done.outcomes) == (0, {"web": "issued"})
    assert "error" not in server.stop()


def test_a_revocation_by_number_is_done(site, mock, pki):
    serial = certificates_in((pki / "web.crt").read_bytes())[0].serial
    server = mock(PBM)
    row = f'revocations: [{{name: old, issuer: CN=Mock CA, serial: "{serial:#x}", reason: keyCompromise}}]'
    done = site.write(manifest(server.url, PBM, row)).apply()
    assert (done.status, done.outcomes) == (0, {"old": "revoked"})
    assert "error" not in server.stop()


@pytest.mark.parametrize("options", [("-send_unprotected", "-send_error"), ("-send_unprot_err", "-pkistatus", "2")])
def test_an_unprotected_no_counts_where_it_is_tolerated(site, mock, options):
    done = site.write(manifest(mock(PBM, *options).url, PBM, more="tolerate: [unprotected-error]")).apply()
    assert (done.status, done.outcomes) == (3, {"web": "failed"})
    assert "the CA refused: rejection" in done.error("web")
    assert done.items["web"]["pki_status"] == "rejection"
