"""docs/transports.md at work: each of its entries, applied against a real server through a real proxy.

The entry is read from the document; only hosts, ports and pins are put in. What answers is the lab CA in a process of
its own, behind other people's HTTP, TLS, SOCKS and proxies.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography import x509
from support import gates
from support.fronts import Front
from support.labs import Lab
from support.pki import HERE, Pki

from runner.cli import exits
from runner.cli.main import main

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "transports.md"
ENTRIES = re.compile(r"```yaml\n(?P<yaml>.*?)```\s+Driven by (?P<tests>[^.]*)", re.DOTALL)
WAYS = {
    name: found["yaml"]
    for found in ENTRIES.finditer(DOCUMENT.read_text(encoding="utf-8"))
    for name in re.findall(r"`(test_\w+)`", found["tests"])
}
"""A test's name → the entry of the document that it drives."""
ITEM = """
templates: {server: {subject: "CN=${name}"}}
enrollments:
  - {name: web, authority: plant, template: server, key: "generate://pkcs8@ec:p256/out/web", output: out/web}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    started = Lab(tmp_path_factory.mktemp("lab") / "lab")
    yield started
    started.stop()


@pytest.fixture
def pki(tmp_path):
    return Pki(tmp_path)


class Plant:
    """A folder with a manifest, in which `apply` runs."""

    def __init__(self, folder, lab):
        self.folder = folder
        self.output = folder / "out" / "web-0.crt"
        shutil.copy(lab.ca, folder / "ca.pem")

    def write(self, name, places, *, item=ITEM):
        """The entry that the document has for a test, with real places in it."""
        text = WAYS[name]
        for place, real in places.items():
            assert place in text, f"{place} is not in the entry of {name}"
            text = text.replace(place, str(real))
        credential = "  line-7: {psk: {env: LINE7_PSK}}\n"
        text = text if "credentials:\n" in text else f"{text}credentials:\n"
        manifest = self.folder / "plant.yaml"
        manifest.write_text(f"apiVersion: cmp-batch/v1\n{text}{credential}{item}", encoding="utf-8")
        return manifest

    def apply(self, name, places, *options):
        """The exit status of applying it."""
        return main(["apply", str(self.write(name, places)), "--yes", *options])

    def issues(self, name, places, *options):
        """Whether applying it brought the certificate."""
        assert self.apply(name, places, *options) == exits.OK
        return b"CERTIFICATE" in self.output.read_bytes()


@pytest.fixture
def plant(tmp_path, lab, monkeypatch):
    monkeypatch.setenv("LINE7_PSK", lab.psk)
    monkeypatch.setenv("GATE_PASSWORD", "open-sesame")
    monkeypatch.setenv("FRONT_DOOR", "knock-knock")
    return Plant(tmp_path, lab)


def web(port):
    return {"ca.example.com:8080": f"127.0.0.1:{port}"}


def secure(port):
    return {"ca.example.com:8443": f"127.0.0.1:{port}"}


def tcp(port):
    return {"ca.example.com:829": f"127.0.0.1:{port}"}


def gate(port):
    return {"gate.example.com:1080": f"127.0.0.1:{port}"}


def proxy(port):
    return {"proxy.example.com:3128": f"127.0.0.1:{port}"}


def test_http(plant, lab):
    assert plant.issues("test_http", web(lab.port))


def test_well_known_path(plant, lab):
    with Front(lab.url).serving() as front:
        assert plant.issues("test_well_known_path", web(front.port))
    assert {line for line, _ in front.seen} == {"POST /.well-known/cmp/p/plant/initialization HTTP/1.1"}
    assert len(front.seen) == 2


def test_basic_authentication(plant, lab):
    with Front(lab.url, login="line-7:knock-knock").serving() as front:
        assert plant.issues("test_basic_authentication", web(front.port))
    assert [headers["Authorization"] is not None for _, headers in front.seen] == [False, True, True]
    assert {headers["X-Tenant"] for _, headers in front.seen} == {"plant"}


def test_a_wrong_password_is_told_and_not_shown(plant, lab, capsys):
    with Front(lab.url, login="line-7:another").serving() as front:
        assert plant.apply("test_basic_authentication", web(front.port)) == exits.FAILED
    said = capsys.readouterr()
    assert "HTTP status 401" in said.out + said.err
    assert "knock" not in said.out + said.err
    assert len(front.seen) == 2


def test_an_old_http_server(plant, lab):
    with Front(lab.url, old=True).serving() as front:
        assert plant.issues("test_an_old_http_server", web(front.port))
    assert {line for line, _ in front.seen} == {f"POST http://127.0.0.1:{front.port}/pkix/ HTTP/1.0"}


def test_limits(plant, lab):
    assert plant.issues("test_limits", web(lab.port))


def test_https(plant, lab, pki):
    with Front(lab.url, tls=pki.server(HERE)).serving() as front:
        assert plant.issues("test_https", secure(front.port))


def test_https_of_an_unknown_ca_names_the_certificate(plant, lab, pki, tmp_path, capsys):
    (tmp_path / "other").mkdir()
    other = Pki(tmp_path / "other", "Somebody else")
    with Front(lab.url, tls=other.server(HERE)).serving() as front:
        places = {**secure(front.port), "credential: line-7": "credential: line-7\n    limits: {retries: 0}"}
        assert plant.apply("test_https", places) == exits.FAILED
    said = "".join(capsys.readouterr())
    assert "“CN=server” for 127.0.0.1, issued by “CN=Somebody else”" in " ".join(said.split())


def test_mutual_tls(plant, lab, pki):
    pki.client()
    with Front(lab.url, tls=pki.server(HERE, clients=pki.anchors)).serving() as front:
        assert plant.issues("test_mutual_tls", secure(front.port))


def test_server_name_and_pin(plant, lab, pki):
    with Front(lab.url, tls=pki.server(x509.DNSName("ca.internal"))).serving() as front:
        pin = {"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=": b64encode(pki.pin()).decode()}
        assert plant.issues("test_server_name_and_pin", {**secure(front.port), **pin})


def test_another_key_than_the_pinned_one_is_refused(plant, lab, pki, capsys):
    with Front(lab.url, tls=pki.server(x509.DNSName("ca.internal"))).serving() as front:
        places = {**secure(front.port), "credential: line-7": "credential: line-7\n    limits: {retries: 0}"}
        assert plant.apply("test_server_name_and_pin", places) == exits.FAILED
    assert pki.pin().hex() in "".join("".join(capsys.readouterr()).split())
    assert front.seen == []


def test_tcp(plant, lab):
    assert plant.issues("test_tcp", tcp(lab.tcp_port))


def test_tcp_as_in_rfc_2510(plant, lab):
    assert plant.issues("test_tcp_as_in_rfc_2510", tcp(lab.tcp_port))


@pytest.mark.parametrize("name", ["test_tcp", "test_tcp_as_in_rfc_2510"])
def test_tcp_polling_survives_the_process(tmp_path, plant, name):
    slow = Lab(tmp_path / "slow", "--tcp-delay", "1")
    try:
        shutil.copy(slow.ca, tmp_path / "ca.pem")
        entry = WAYS["test_tcp_polling_survives_the_process"].replace(
            "ca.example.com:829", f"127.0.0.1:{slow.tcp_port}"
        )
        if "2510" in name:
            entry = entry.replace("    polling:", "    tcp: {framing: rfc2510}\n    polling:")
        manifest = tmp_path / "plant.yaml"
        credential = f"credentials:\n  line-7: {{psk: {{env: LINE7_PSK}}}}\n{ITEM}"
        manifest.write_text(f"apiVersion: cmp-batch/v1\n{entry}{credential}")
        command = [sys.executable, "-m", "runner", "apply", str(manifest), "--yes"]
        run = {"env": {"LINE7_PSK": slow.psk, "PATH": "/usr/bin:/bin"}, "capture_output": True}
        assert subprocess.run(command, check=False, **run).returncode == exits.PENDING
        patient = manifest.read_text().replace("max_wait: 0s", "max_wait: 30s")
        manifest.write_text(patient)
        assert subprocess.run(command, check=False, **run).returncode == exits.OK
    finally:
        slow.stop()
    assert plant.output.exists()


def test_socks5(plant, lab, tmp_path):
    with gates.microsocks(tmp_path) as port:
        assert plant.issues("test_socks5", {**web(lab.port), **gate(port)})


@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "socks5", "socks5h", "socks"])
def test_socks_of_every_kind(plant, lab, tmp_path, scheme):
    with gates.dante(tmp_path) as port:
        places = {**web(lab.port), **gate(port), "socks5h://": f"{scheme}://somebody@"}
        assert plant.issues("test_socks5", places)


def test_socks5_with_a_password(plant, lab, tmp_path):
    with gates.microsocks(tmp_path, user="line-7", password="open-sesame") as port:
        assert plant.issues("test_socks5_with_a_password", {**web(lab.port), **gate(port)})


def test_a_wrong_socks_password_is_told_and_not_shown(plant, lab, tmp_path, capsys):
    with gates.microsocks(tmp_path, user="line-7", password="another") as port:
        places = {**web(lab.port), **gate(port), "credential: line-7": "credential: line-7\n    limits: {retries: 0}"}
        assert plant.apply("test_socks5_with_a_password", places) == exits.FAILED
    said = "".join(capsys.readouterr())
    assert "user and password" in said
    assert "sesame" not in said


def test_networks_past_socks(plant, lab):
    assert plant.issues("test_networks_past_socks", {**web(lab.port), **gate(gates.free_port())})


def test_tcp_and_tls_through_socks(plant, lab, pki, tmp_path):
    with gates.dante(tmp_path) as port, Front(lab.url, tls=pki.server(HERE)).serving() as front:
        through = {"    trust:": f"    proxy: socks5://127.0.0.1:{port}\n    trust:"}
        assert plant.issues("test_https", {**secure(front.port), **through})
        plant.output.unlink()
        assert plant.issues(
            "test_tcp", {**tcp(lab.tcp_port), **through, "    credential": "    version: 2\n    credential"}
        )


def test_http_proxy(plant, lab, tmp_path):
    with gates.tinyproxy(tmp_path) as port:
        assert plant.issues("test_http_proxy", {**web(lab.port), **proxy(port)})
    assert "POST http://127.0.0.1" in (tmp_path / "tinyproxy.log").read_text()


def test_connect_with_a_password(plant, lab, pki, tmp_path):
    with (
        Front(lab.url, tls=pki.server(HERE)).serving() as front,
        gates.tinyproxy(tmp_path, login="line-7 open-sesame", connect_port=front.port) as port,
    ):
        assert plant.issues("test_connect_with_a_password", {**secure(front.port), **proxy(port)})
    assert "CONNECT 127.0.0.1" in (tmp_path / "tinyproxy.log").read_text()


def test_tcp_through_connect(plant, lab, tmp_path):
    with gates.tinyproxy(tmp_path, connect_port=lab.tcp_port) as port:
        through = {"    trust:": f"    proxy: http://127.0.0.1:{port}\n    trust:"}
        assert plant.issues("test_tcp", {**tcp(lab.tcp_port), **through})
    assert "CONNECT 127.0.0.1" in (tmp_path / "tinyproxy.log").read_text()


def test_no_proxy(plant, lab):
    assert plant.issues("test_no_proxy", {**web(lab.port), **proxy(gates.free_port())})


def test_proxy_of_the_environment(plant, lab, tmp_path, monkeypatch):
    with gates.tinyproxy(tmp_path) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        assert plant.issues("test_proxy_of_the_environment", web(lab.port))
    assert "POST http://127.0.0.1" in (tmp_path / "tinyproxy.log").read_text()


def test_the_environment_is_not_asked_unless_told(plant, lab, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{gates.free_port()}")
    assert plant.issues("test_http", web(lab.port))


def test_failover(plant, lab):
    assert plant.issues("test_failover", {**web(lab.port), "gone.example.com:8080": f"127.0.0.1:{gates.free_port()}"})


def test_courier(plant, lab):
    assert plant.apply("test_courier", {}) == exits.PENDING
    [request] = (plant.folder / "spool" / "requests").glob("*.der")
    answer = Front(lab.url).forwarded(request.read_bytes())
    (plant.folder / "spool" / "answers" / request.name).write_bytes(answer)
    assert plant.issues("test_courier", {})


def test_courier_brings_the_confirmation_too(plant, lab):
    without = {"implicit_confirm: true": "implicit_confirm: false"}
    for _ in range(2):
        assert plant.apply("test_courier", without) == exits.PENDING
        for request in (plant.folder / "spool" / "requests").glob("*.der"):
            answer = plant.folder / "spool" / "answers" / request.name
            if not answer.exists():
                answer.write_bytes(Front(lab.url).forwarded(request.read_bytes()))
    assert plant.issues("test_courier", without)
    assert len(list((plant.folder / "spool" / "requests").glob("*.der"))) == 2


def test_every_entry_of_the_document_is_driven_here():
    assert len(WAYS) > 20
    assert DOCUMENT.read_text(encoding="utf-8").count("```yaml") == len(ENTRIES.findall(DOCUMENT.read_text()))
    named = set(re.findall(r"`(test_\w+)`", DOCUMENT.read_text(encoding="utf-8")))
    assert named == named & set(globals())


@pytest.mark.parametrize("name", WAYS)
def test_every_entry_of_the_document_is_a_manifest(plant, name, capsys):
    for file in ("tls-ca.pem", "client.crt", "client.prv"):
        (plant.folder / file).touch()
    assert main(["validate", str(plant.write(name, {}))]) == exits.OK


def test_half_open_connections_are_noticed(lab):
    """What the kernel is asked to watch, seen on a real connection."""
    import asyncio

    from runner.transports.dial import Reach, dial
    from runner.transports.endpoint import parse_url

    async def options():
        _, writer, _ = await dial(parse_url(lab.url), Reach())
        sock = writer.get_extra_info("socket")
        found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), sock.getsockopt(socket.IPPROTO_TCP, 18)
        writer.close()
        await writer.wait_closed()
        return found

    keepalive, user_timeout = asyncio.run(options())
    assert keepalive == 1
    assert user_timeout == 60_000
