"""`lab serve`: what it prints is enough for a stranger, and a signal ends it well."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

from runner.cli import exits
from runner.cli.main import main


@pytest.fixture
def served(tmp_path):
    """A lab server in a process of its own, and the facts that it printed."""
    command = [sys.executable, "-m", "runner", "lab", "serve", "--dir", str(tmp_path / "lab")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            lines = [process.stdout.readline().rstrip("\n") for _ in range(3)]
            yield process, lines
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_facts_and_a_signal_ends_it(served, number, tmp_path):
    process, lines = served
    url, certificate, psk = lines
    assert url.startswith("URL http://127.0.0.1:")
    assert certificate == f"CA certificate {tmp_path / 'lab' / 'ca.pem'}"
    assert psk.startswith("PSK ")
    assert ":" in psk
    process.send_signal(number)
    rest, notes = process.communicate()
    assert process.returncode == exits.OK
    assert rest == ""
    assert notes.startswith("not for production")


def test_a_stranger_enrols_with_what_was_printed(served, openssl, tmp_path):
    _, (url, certificate, psk) = served
    reference, _, secret = psk.removeprefix("PSK ").partition(":")
    host = url.removeprefix("URL http://").rstrip("/")
    key, out = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [openssl, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key], check=True
    )
    command = [openssl, "cmp", "-config", "", "-cmd", "ir", "-server", host, "-path", "/", "-ref", reference]
    command += ["-secret", f"pass:{secret}", "-newkey", key, "-subject", "/CN=stranger", "-certout", out]
    command += ["-recipient", "/CN=lab", "-days", "1"]
    subprocess.run(command, check=True, capture_output=True)
    anchor = certificate.removeprefix("CA certificate ")
    said = subprocess.run(
        [openssl, "verify", "-CAfile", anchor, out], check=True, capture_output=True, text=True
    ).stdout
    assert said.endswith("OK\n")


def test_both_framings_of_tcp_are_served_beside_http(tmp_path):
    command = [sys.executable, "-m", "runner", "lab", "serve", "--dir", str(tmp_path / "lab"), "--tcp-port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines = sorted(process.stdout.readline() for _ in range(4))
        assert [line.split(maxsplit=1)[0] for line in lines] == ["CA", "PSK", "TCP", "URL"]
        assert lines[2].startswith("TCP tcp://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == exits.OK


def test_a_port_of_tcp_that_is_taken_is_told(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status = main(["lab", "serve", "--dir", str(tmp_path / "lab"), "--tcp-port", port])
    assert status == exits.ERROR
    assert f"cannot listen on 127.0.0.1, port {port}" in capsys.readouterr().err


def test_other_machines_are_refused_by_default(tmp_path, capsys):
    assert main(["lab", "serve", "--host", "0.0.0.0", "--dir", str(tmp_path / "lab")]) == exits.REFUSED  # noqa: S104
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")


def test_an_action_is_needed(capsys):
    assert main(["lab"]) == exits.ERROR
    assert "ACTION" in capsys.readouterr().err


def test_serve_has_help_with_an_example(capsys):
    assert main(["lab", "serve", "--help"]) == exits.OK
    assert "\n  cmp-batch lab serve --port 8080" in capsys.readouterr().out
