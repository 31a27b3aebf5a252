"""Requests in files, through a tunnel to a CA and back."""

from __future__ import annotations

import threading
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from support.openssl_cmp import OpensslClient
from support.peers import refused_port
from support.requester import Requester, Said, Secret, cert_req, new_key, template
from support.site import PeerSite

from runner.asn1.cmp import CertStatus, PKIMessage
from runner.asn1.structures import decode
from runner.execute.gather import find_requests
from runner.lab.rules import LabRules
from runner.pki.certificates import to_pem

ROOT = Path(__file__).resolve().parents[2]


class TunnelSite(PeerSite):
    """A PeerSite with a tunnel whose requests are in `inbox` and whose answers go into `outbox`."""

    def tunnel(self, approve='{names: ["CN=dev-*"]}', more="", url=None):
        for name in ("inbox", "outbox"):
            self.file(name).mkdir(exist_ok=True)
        self.file("devices.psk").write_text("# the devices\ndev:device secret\nother:another secret\n")
        tunnel = f"""
tunnels:
  - name: line
    requests: inbox
    output: outbox
    psks: {{file: devices.psk}}
    approve: {approve}
    {more}
"""
        return self.ask(tunnel, url=url, credentials="psk: {psk: {file: psk}, ra: true, iterations: 1000}")

    def outbox(self):
        return sorted(path.name for path in self.file("outbox").iterdir())


@pytest.fixture
def line(tmp_path, capsys, peer):
    folder = tmp_path / "site"
    folder.mkdir()
    return TunnelSite(folder, capsys.readouterr, peer).tunnel()


@pytest.fixture
def device(openssl, tmp_path):
    folder = tmp_path / "device"
    folder.mkdir()
    return OpensslClient(openssl, folder, "-ref", "dev", "-secret", "pass:device secret")


def saved(line, device, name, *more, command="ir", protection=None):
    """A request of openssl's in the inbox; it is content to have written it."""
    device.key(name)
    target = line.file("inbox") / f"{name}.der"
    done = device.run(
        "cmp", "-cmd", command, *(protection or device.protection), "-newkey", f"{name}.key", "-subject", f"/CN={name}",
        "-recipient", "/CN=RA", "-reqout", str(target), "-rspin", "/dev/null", "-certout", "x.crt", *more,
    )  # fmt: skip
    assert target.exists(), done.stderr
    return target


def test_a_request_of_openssl_comes_back_acceptable_to_it(line, device):
    request = saved(line, device, "dev-1", "-implicit_confirm")
    assert line.verbs() == {"line/dev-1.der": ("forward", ["asked"])}
    done = line.apply()
    assert done.status == 0, done
    assert done.outcomes == {"line/dev-1.der": "forwarded"}
    assert line.outbox() == ["dev-1.der.answer.der", "dev-1.der.crt"]
    again = device.cmp(
        "ir", "-newkey", "dev-1.key", "-subject", "/CN=dev-1", "-recipient", "/CN=RA", "-implicit_confirm",
        "-reqin", str(request), "-rspin", str(line.file("outbox") / "dev-1.der.answer.der"), "-certout", "dev-1.crt",
    )  # fmt: skip
    assert "received 1 enrolled" in again.stdout
    made = x509.load_pem_x509_certificate((device.folder / "dev-1.crt").read_bytes())
    assert made == x509.load_pem_x509_certificate((line.file("outbox") / "dev-1.der.crt").read_bytes())
    assert line.verbs() == {"line/dev-1.der": ("keep", ["forwarded"])}
    assert line.apply().outcomes == {"line/dev-1.der": "unchanged"}
    assert line.issued == 1


def test_a_csr_gets_its_certificate(line, device):
    csr = device.csr("dev-2", "-addext", "subjectAltName=DNS:dev-2.example")
    (line.file("inbox") / "dev-2.csr").write_bytes(csr.read_bytes())
    assert line.verbs() == {"line/dev-2.csr": ("refuse", ["asked", "against-the-rules"])}
    line.tunnel('{names: ["CN=dev-*", "dns=*.example"]}')
    done = line.apply()
    assert done.outcomes == {"line/dev-2.csr": "forwarded"}, done
    made = x509.load_pem_x509_certificate((line.file("outbox") / "dev-2.csr.crt").read_bytes())
    assert made.subject.rfc4514_string() == "CN=dev-2"
    assert line.outbox() == ["dev-2.csr.crt"]


def test_what_is_refused_gets_an_answer_and_stops_nobody(line, device):
    saved(line, device, "evil")
    (line.file("inbox") / "garbage").write_bytes(b"\x30\x80hello")
    saved(line, device, "dev-1")
    saved(line, device, "dev-3", protection=("-ref", "dev", "-secret", "pass:guess"))
    done = line.apply()
    assert done.status == 3
    assert done.outcomes == {
        "line/dev-1.der": "forwarded",
        "line/dev-3.der": "failed",
        "line/evil.der": "failed",
        "line/garbage": "failed",
    }
    assert done.items["line/evil.der"]["fail_info"] == ["notAuthorized"]
    assert done.items["line/dev-3.der"]["fail_info"] == ["badMessageCheck"]
    assert done.items["line/garbage"]["fail_info"] == ["badDataFormat"]
    said = device.run(
        "cmp", "-cmd", "ir", *device.protection, "-newkey", "evil.key", "-subject", "/CN=evil", "-recipient", "/CN=RA",
        "-reqin", str(line.file("inbox") / "evil.der"), "-rspin", str(line.file("outbox") / "evil.der.answer.der"),
        "-certout", "x.crt",
    )  # fmt: skip
    assert "notAuthorized" in said.stdout + said.stderr
    assert line.issued == 1
    again = line.apply()
    assert (again.status, set(again.outcomes.values())) == (0, {"unchanged"})


def test_a_refusal_is_judged_again_when_the_rules_have_changed(line, device):
    saved(line, device, "evil")
    assert line.apply().outcomes == {"line/evil.der": "failed"}
    line.tunnel('{names: ["CN=evil"]}')
    assert line.verbs() == {"line/evil.der": ("forward", ["asked"])}
    assert line.apply().outcomes == {"line/evil.der": "forwarded"}


def test_the_same_octets_are_forwarded_once(line, device):
    request = saved(line, device, "dev-1")
    (line.file("inbox") / "another.der").write_bytes(request.read_bytes())
    assert line.apply().outcomes == {"line/another.der": "forwarded", "line/dev-1.der": "unchanged"}
    (line.file("inbox") / "third.der").write_bytes(request.read_bytes())
    request.unlink()
    assert line.verbs()["line/third.der"] == ("keep", ["same-octets"])
    assert line.issued == 1


def test_a_changed_file_is_a_new_request(line, device):
    saved(line, device, "dev-1")
    line.apply()
    saved(line, device, "dev-1")
    assert line.apply().outcomes == {"line/dev-1.der": "forwarded"}
    assert line.issued == 2


def test_a_secret_that_is_good_once_is_used_once(line, device):
    line.tunnel("{names: [any], psk: once}")
    saved(line, device, "dev-1")
    saved(line, device, "dev-2")
    assert sorted(line.apply().outcomes.values()) == ["failed", "forwarded"]
    saved(line, device, "dev-3")
    assert line.apply().outcomes["line/dev-3.der"] == "failed"
    assert line.issued == 1


def test_what_a_person_has_to_approve_is_pending_off_a_terminal(line, device):
    line.tunnel("ask")
    saved(line, device, "dev-1")
    assert line.verbs() == {"line/dev-1.der": ("forward", ["asked", "to-be-approved"])}
    done = line.apply("--yes")
    assert (done.status, done.outcomes) == (4, {"line/dev-1.der": "pending"})
    assert (line.issued, line.outbox()) == (0, [])


@pytest.mark.parametrize(("said", "outcome", "issued"), [("y\n", "forwarded", 1), ("n\n", "failed", 0)])
def test_a_person_at_the_terminal_approves(line, device, monkeypatch, said, outcome, issued):
    line.tunnel("ask")
    saved(line, device, "dev-1")
    asked = []
    monkeypatch.setattr("runner.cli.console.ask", lambda words: asked.append(words) or said == "y\n")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    done = line.apply("--yes")
    assert done.outcomes == {"line/dev-1.der": outcome}
    assert "CN=dev-1" in asked[0]
    assert line.issued == issued


def test_symbolic_links_and_what_is_no_file_are_not_read(line, device, tmp_path):
    inbox = line.file("inbox")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (inbox / "link.der").symlink_to(secret)
    (inbox / "large.der").write_bytes(b"0" * 300_000)
    (inbox / ".hidden").write_bytes(b"0")
    (inbox / "folder").mkdir()
    verbs = line.verbs()
    assert verbs == {
        "line/large.der": ("blocked", ["request-unreadable"]),
        "line/link.der": ("blocked", ["request-unreadable"]),
    }
    assert line.apply().status == 3
    assert line.outbox() == []


@pytest.mark.parametrize(
    "name", ["%2e%2e%2fx.der", "a b.der", "-rf.der", "\u202egpj.der", "\x1b[2J.der", "n\new.der", "x" * 250]
)
def test_no_name_of_a_stranger_becomes_a_path_or_a_command(line, device, name):
    request = saved(line, device, "dev-1")
    request.rename(line.file("inbox") / name)
    done = line.apply()
    (item,) = done.outcomes
    assert done.outcomes[item] == "forwarded"
    assert all(ch.isalnum() or ch in "._@+-/" for ch in item)
    assert len(line.outbox()) == 2
    assert "\x1b" not in done.out + done.err
    assert "\u202e" not in done.out + done.err


def test_names_inside_a_request_are_cleaned_before_they_are_shown(line, device):
    line.tunnel("{names: [any]}")
    saved(line, device, "dev-1", "-subject", "/CN=\x1b[2Jdev")
    assert "\x1b" not in line.plan().out


def test_what_the_tunnel_changes_is_shown_old_and_new(line, device):
    line.tunnel(more='override: {subject: "O=Plant, CN=dev-9"}', approve="{names: [any]}")
    saved(line, device, "dev-1")
    said = line.plan().out
    assert "CN=dev-1" in said
    assert "O=Plant, CN=dev-9" in said
    assert line.verbs() == {"line/dev-1.der": ("forward", ["asked", "changed"])}


def test_the_sample_manifest_does_what_it_says(site, openssl):
    (site.folder / "inbox").mkdir()
    client = OpensslClient(openssl, site.folder)
    client.csr("dev-1", "-subj", "/C=FI/O=Plant/CN=dev-1").rename(site.folder / "inbox" / "dev-1.csr")
    site.path.write_text((ROOT / "manifests" / "ra-tunnel.yaml").read_text())
    assert site.verbs()["devices/dev-1.csr"] == ("forward", ["asked", "changed", "changed"])
    said = site.plan().out
    assert "extended_key_usage: none → clientAuth" in said
    assert "key_usage: none → digitalSignature" in said
    done = site.apply()
    assert done.outcomes == {"desk": "issued", "devices/dev-1.csr": "forwarded"}, done
    made = x509.load_pem_x509_certificate((site.folder / "outbox" / "dev-1.csr.crt").read_bytes())
    assert made.subject == x509.load_pem_x509_csr((site.folder / "inbox" / "dev-1.csr").read_bytes()).subject
    assert list(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH
    ]
    assert made.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    assert site.apply().outcomes == {"desk": "unchanged", "devices/dev-1.csr": "unchanged"}


def test_a_certconf_that_comes_all_the_same_is_answered_by_the_ra(line):
    device, key = Requester(line.peer.lab, Secret(b"dev", b"device secret")), new_key()
    inbox, outbox = line.file("inbox"), line.file("outbox")
    (inbox / "1.der").write_bytes(device.message("ir", (cert_req(key, template(key, "CN=dev-1")),)))
    assert line.apply().outcomes == {"line/1.der": "forwarded"}
    issued = decode(PKIMessage, (outbox / "1.der.answer.der").read_bytes())
    digest = sha256(issued.body.value.response[0].certified_key_pair.cert_or_enc_cert.value).digest()
    device.last = Said(b"", issued)
    for name, cert_hash in (("2.der", digest), ("3.der", bytes(32))):
        (inbox / name).write_bytes(device.message("certConf", (CertStatus(cert_hash=cert_hash, cert_req_id=0),)))
    done = line.apply()
    assert done.outcomes == {"line/1.der": "unchanged", "line/2.der": "forwarded", "line/3.der": "failed"}
    assert decode(PKIMessage, (outbox / "2.der.answer.der").read_bytes()).body.name == "pkiconf"
    assert done.items["line/3.der"]["fail_info"] == ["badCertId"]
    assert line.issued == 1


def test_a_folder_is_watched_until_it_has_been_quiet(line, device):
    line.tunnel(more="watch: 2s")
    saved(line, device, "dev-1")
    late = saved(line, device, "dev-2")
    octets = late.read_bytes()
    late.unlink()
    writer = threading.Timer(0.5, lambda: late.write_bytes(octets))
    writer.start()
    done = line.apply()
    writer.join()
    assert done.outcomes == {"line/dev-1.der": "forwarded", "line/dev-2.der": "forwarded"}
    assert line.issued == 2


@pytest.fixture
def comes_late(monkeypatch):
    """`comes_late(request)`: the file is written when the watch looks for the first time."""

    def later(request):
        octets, looks = request.read_bytes(), []
        request.unlink()

        def find(*given):
            if not looks:
                request.write_bytes(octets)
            looks.append(given)
            return find_requests(*given)

        monkeypatch.setattr("runner.cli.watching.find_requests", find)

    return later


@pytest.mark.parametrize(("yes", "outcome", "issued"), [(True, "forwarded", 1), (False, "failed", 0)])
def test_a_person_is_asked_about_what_comes_meanwhile(line, device, monkeypatch, comes_late, yes, outcome, issued):
    line.tunnel("ask", more="watch: 2s")
    comes_late(saved(line, device, "dev-1"))
    asked = []
    monkeypatch.setattr("runner.cli.console.ask", lambda words: asked.append(words) or yes)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    done = line.apply("--yes")
    assert done.outcomes == {"line/dev-1.der": outcome}
    assert "CN=dev-1" in asked[0]
    assert (len(asked), line.issued) == (1, issued)


def test_off_a_terminal_what_comes_meanwhile_is_pending(line, device, comes_late):
    line.tunnel("ask", more="watch: 2s")
    comes_late(saved(line, device, "dev-1"))
    done = line.apply("--yes")
    assert (done.status, done.outcomes, line.issued) == (4, {"line/dev-1.der": "pending"}, 0)


def test_a_table_of_secrets_that_cannot_be_read_is_told_before_anything_is_sent(line, device):
    saved(line, device, "dev-1")
    for text in ("dev\n", "dev:one\ndev:two\n"):
        line.file("devices.psk").write_text(text)
        done = line.apply()
        assert done.status == 1
        assert "psks: line" in done.err
        assert "one" not in done.err
    assert line.peer.requests == []


def test_what_the_ca_refuses_is_the_requesters_answer(line, device):
    line.peer.lab._office.rules = LabRules(reject_names=("dev",))
    saved(line, device, "dev-1")
    done = line.apply()
    assert done.outcomes == {"line/dev-1.der": "failed"}
    answer = decode(PKIMessage, (line.file("outbox") / "dev-1.der.answer.der").read_bytes())
    assert answer.body.value.response[0].status.status == 2
    assert line.apply().outcomes == {"line/dev-1.der": "unchanged"}


def test_a_ca_that_is_not_there_costs_nothing_but_another_run(line, device):
    saved(line, device, "dev-1")
    line.tunnel(url=f"http://127.0.0.1:{refused_port()}")
    assert line.apply().outcomes == {"line/dev-1.der": "failed"}
    assert line.outbox() == []
    line.tunnel()
    assert line.apply().outcomes == {"line/dev-1.der": "forwarded"}


def test_a_ca_that_has_not_decided_is_asked_again(line, device):
    line.peer.lab._office.rules = LabRules(waiting_polls=1, check_after=3600)
    saved(line, device, "dev-1")
    assert line.apply().outcomes == {"line/dev-1.der": "pending"}
    assert line.outbox() == []
    assert line.verbs() == {"line/dev-1.der": ("resume", ["open-waiting"])}


def test_nested_requests_go_to_the_ca_together(line):
    reference, _, secret = line.peer.lab.psk.partition(":")
    line.file("devices.psk").write_text(line.peer.lab.psk)
    certificate, key = line.peer.lab.make_ra("RA")
    line.file("ra.crt").write_bytes(to_pem(certificate))
    line.file("ra.prv").write_bytes(key)
    for name in ("inbox", "outbox"):
        line.file(name).mkdir(exist_ok=True)
    line.ask(
        """
tunnels:
  - {name: line, credential: desk, requests: inbox, output: outbox, psks: {file: devices.psk}, forward: nested,
     batch: 3, approve: {names: [any]}}
""",
        credentials='desk: {ra_certificate: ra.crt, key: "file:ra.prv"}\n  psk: {psk: {file: psk}}',
    )
    asked = {}
    for number in range(7):
        device = Requester(line.peer.lab, Secret(reference.encode(), secret.encode()))
        asked[f"{number}.der"] = device.message("ir", (cert_req(new_key()),))
        (line.file("inbox") / f"{number}.der").write_bytes(asked[f"{number}.der"])
    done = line.apply()
    assert set(done.outcomes.values()) == {"forwarded"}, done
    assert [decode(PKIMessage, octets).body.name for octets in line.peer.requests] == ["nested"] * 3
    for name, octets in asked.items():
        answer = decode(PKIMessage, (line.file("outbox") / f"{name}.answer.der").read_bytes())
        assert answer.header.transaction_id == decode(PKIMessage, octets).header.transaction_id
        assert answer.header.recip_nonce == decode(PKIMessage, octets).header.sender_nonce
