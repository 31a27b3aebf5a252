"""A stranger's manifest, secrets, other people's files, and a second apply: what must never happen."""

from __future__ import annotations

import base64
import os
import pty
import subprocess
from datetime import UTC, datetime

import pytest
from support.audit import watched
from support.harm import harmful
from support.issuing import issued, pkcs8, root
from support.peers import Reply
from support.program import command_line, environment
from support.site import FRESH, entries, entry

from runner.state.lock import Owner, StateLock

PSK = "refnum-4711:the-secret-of-line-7"
SECRET = PSK.partition(":")[2]
PASSPHRASE = "three-blind-mice"


@pytest.fixture
def hostile(at_peer):
    """Everything in it that could run, be read or be dialled is a trap."""
    ca = root("Test CA")
    issued(ca, "op").write(at_peer.folder, "op")
    at_peer.file("sealed.prv").write_bytes(pkcs8(ca.key, b"right"))
    os.mkfifo(at_peer.file("fifo"))
    at_peer.file("mine").write_text("my private notes\n")
    at_peer.write(f"""
authorities:
  ca: {{url: "{at_peer.peer.url}", name: CN=CA, trust: [mine], credential: command}}
  far: {{url: "https://ca.invalid/cmp", name: CN=CA, trust: [ca.pem], credential: variable}}
credentials:
  command: {{psk: {{command: [touch, "{at_peer.file("ran")}"]}}}}
  variable: {{psk: {{env: LINE_7_PSK}}}}
  file: {{psk: {{file: psk}}}}
  pipe: {{psk: {{file: fifo}}}}
  sealed: {{certificate: op.crt, key: "file://${{env:SEALED_PASS}}/sealed.prv"}}
enrollments:
  - {{name: a, authority: ca, subject: CN=a, key: "generate://pkcs8@ec:p256/out/a", output: out/a}}
  - {{name: b, authority: far, subject: CN=b, key: "generate://pkcs8s:${{file:fifo}}@ec:p256/out/b", output: out/b}}
  - {{name: c, authority: ca, credential: pipe, subject: CN=c, key: "generate://pkcs8@ed25519/c", output: c}}
  - {{name: d, authority: ca, credential: sealed, key: "file://${{env:SEALED_PASS}}/sealed.prv", output: d}}
  - {{name: e, authority: far, credential: file, certificate: mine, key: "generate://pkcs8@ed25519/e", output: e}}
updates:
  - {{name: f, authority: ca, certificate: mine, key: "file:mine", output: f}}
revocations:
  - {{name: g, authority: ca, credential: file, certificate: mine}}
""")
    return at_peer


class Watched(dict):
    """Variables that remember who was asked for."""

    def __init__(self, *given, **more):
        super().__init__(*given, **more)
        self.asked = set()

    def __getitem__(self, name):
        self.asked.add(name)
        return super().__getitem__(name)

    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)

    def __contains__(self, name):
        self.asked.add(name)
        return super().__contains__(name)


@pytest.mark.parametrize("command", ["validate", "plan"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_to_look_at_a_strangers_manifest_is_harmless(hostile, command, form, monkeypatch):
    variables = Watched(os.environ, LINE_7_PSK=PSK, SEALED_PASS=PASSPHRASE)
    monkeypatch.setattr(os, "environ", variables)
    before = hostile.everything()
    with watched() as seen:
        done = hostile.run(command, hostile.path, "--format", form)
    assert done.status in (0, 2), done
    assert seen.of("socket.connect", "socket.getaddrinfo", "socket.gethostbyname") == []
    assert seen.of("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty") == []
    assert not {"psk", "fifo"} & {path.name for path in seen.opened(hostile.folder)}
    assert seen.written(hostile.folder) == []
    assert hostile.everything() == before
    assert not {"LINE_7_PSK", "SEALED_PASS"} & variables.asked
    assert hostile.peer.requests == []
    for secret in ("my private notes", PSK, PASSPHRASE, hostile.peer.lab.psk):
        assert secret not in done.out + done.err


def test_those_who_watch_would_have_seen_it(at_peer):
    at_peer.ask(credentials="psk: {psk: {command: [cat, psk]}}")
    with watched() as seen:
        assert at_peer.apply("--allow-commands").status == 0
    assert seen.of("socket.connect")
    assert seen.of("subprocess.Popen")
    assert at_peer.file("ca.pem") in seen.opened(at_peer.folder)
    assert seen.written(at_peer.folder)


def test_an_apply_of_a_strangers_manifest_runs_no_command(hostile):
    done = hostile.apply()
    assert done.status == 6
    assert "commands are not allowed" in done.err
    assert "--allow-commands" in done.err
    assert not hostile.file("ran").exists()
    assert hostile.peer.requests == []


def test_commands_run_when_they_are_allowed(at_peer):
    at_peer.ask(credentials="psk: {psk: {command: [cat, psk]}}")
    assert at_peer.apply().status == 6
    assert not at_peer.file(".cmp-batch").exists()
    assert at_peer.apply("--allow-commands").outcomes == {"web": "issued"}


def everywhere(site, done):
    """Everything that an apply printed and left, but for the files that the secrets were put in."""
    kept = {"psk", "site.yaml"}
    texts = [done.out.encode(), done.err.encode(), repr(done.report).encode()]
    return texts + [path.read_bytes() for path in site.folder.rglob("*") if path.is_file() and path.name not in kept]


def spellings(secret):
    octets = secret.encode()
    return octets, octets.hex().encode(), octets.hex().upper().encode(), base64.b64encode(octets).rstrip(b"=")[:-1]


@pytest.mark.parametrize("where", ["env", "file", "literal"])
def test_no_secret_is_left_anywhere(at_peer, monkeypatch, where):
    monkeypatch.setenv("WEB_PASS", PASSPHRASE)
    psk = at_peer.peer.lab.psk
    monkeypatch.setenv("LINE_7_PSK", psk)
    reference = {"env": "{env: LINE_7_PSK}", "file": "{file: psk}", "literal": f'"{psk}"'}[where]
    key = f"generate://pkcs8s:{PASSPHRASE}@ec:p256/out/web" if where == "literal" else ""
    key = key or "generate://pkcs8s:${env:WEB_PASS}@ec:p256/out/web"
    at_peer.ask(entries(entry(key)), credentials=f"psk: {{psk: {reference}, iterations: 1000}}")
    planned = at_peer.plan("--out", at_peer.file("plan.json"), "--verbose")
    done = at_peer.apply("--verbose", "--report", at_peer.file("results.json"))
    assert done.outcomes == {"web": "issued"}
    assert (where == "literal") == ("a secret stands in the manifest" in done.err)
    texts = [*everywhere(at_peer, done), planned.out.encode(), planned.err.encode()]
    for secret in (psk.partition(":")[2], PASSPHRASE):
        for spelling in spellings(secret):
            assert not [text for text in texts if spelling in text]


def test_no_secret_is_left_when_it_is_wrong(at_peer, monkeypatch):
    monkeypatch.setenv("LINE_7_PSK", PSK)
    done = at_peer.ask(credentials="psk: {psk: {env: LINE_7_PSK}}").apply("--verbose")
    assert done.outcomes == {"web": "failed"}
    for spelling in spellings(SECRET):
        assert not [text for text in everywhere(at_peer, done) if spelling in text]


def test_a_link_out_of_the_folder_is_not_followed(at_peer, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    at_peer.file("out").symlink_to(outside)
    done = at_peer.ask().apply()
    assert done.status == 1
    assert f"{at_peer.path}:" in done.err
    assert "may not be written" in done.err
    assert "a symbolic link in it leads out of" in done.err
    assert list(outside.iterdir()) == []
    assert at_peer.peer.requests == []
    assert not at_peer.file(".cmp-batch").exists()


@pytest.mark.parametrize("name", ["web-0.crt", "web.prv"])
def test_a_link_in_the_place_of_a_file_is_not_followed(at_peer, tmp_path, name):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    at_peer.file("out").mkdir()
    at_peer.file(f"out/{name}").symlink_to(victim)
    done = at_peer.ask().apply()
    assert done.status in (1, 3)
    assert victim.read_text() == "precious"
    assert at_peer.file(f"out/{name}").is_symlink()
    assert at_peer.peer.requests == []


def test_a_state_that_is_a_link_is_not_used(at_peer, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    at_peer.file(".cmp-batch").symlink_to(elsewhere)
    done = at_peer.ask().apply()
    assert done.status == 1
    assert "is a symbolic link" in done.err
    assert list(elsewhere.iterdir()) == []
    assert at_peer.peer.requests == []


def test_a_second_apply_is_refused_and_hears_who_is_at_work(at_peer):
    owner = Owner(4242, "bastion", "alice", datetime.now(UTC).isoformat(timespec="seconds"), "apply plant.yaml")
    at_peer.ask()
    with StateLock(at_peer.file(".cmp-batch/lock"), owner):
        before = at_peer.everything()
        done = at_peer.apply()
        assert at_peer.plan().status == 2  # to look is allowed
        assert at_peer.everything() == before
    assert (done.status, done.out, done.report) == (6, "", {})
    for word in ("another apply is at work here", "process 4242", "bastion", "alice", "apply plant.yaml", "next: wait"):
        assert word in done.err
    assert at_peer.peer.requests == []
    assert at_peer.apply().outcomes == {"web": "issued"}


def on_a_terminal(*argv, cwd, answer=b"", **variables):
    """Run the program on a pseudo-terminal: its exit status, and everything that the person sees."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command_line(*argv), cwd=cwd, env=environment(**variables), stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, answer)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            seen += piece
        os.close(ours)
    return process.returncode, seen.decode()


def test_on_a_terminal_the_plan_is_shown_and_a_no_does_nothing(at_peer):
    at_peer.ask()
    status, seen = on_a_terminal("apply", at_peer.path, cwd=at_peer.folder, answer=b"n\n", TERM="xterm")
    assert status == 6
    assert "apply this plan? [y/N]" in seen
    assert "no certificate yet" in " ".join(seen.split())
    assert "nothing was done" in seen
    assert at_peer.peer.requests == []
    assert not at_peer.file("out").exists()


def test_on_a_terminal_a_yes_is_enough(at_peer):
    at_peer.ask()
    status, seen = on_a_terminal("apply", at_peer.path, cwd=at_peer.folder, answer=b"y\n", TERM="xterm")
    assert status == 0
    assert "1 issued" in seen
    assert at_peer.file("out/web-0.crt").exists()


@pytest.mark.parametrize("no_colour", [True, False])
def test_colour_is_for_terminals_and_not_for_those_who_decline_it(at_peer, no_colour):
    at_peer.ask()
    variables = {"NO_COLOR": "1"} if no_colour else {}
    status, seen = on_a_terminal("apply", "--yes", at_peer.path, cwd=at_peer.folder, TERM="xterm-256color", **variables)
    assert status == 0
    assert "[y/N]" not in seen
    coloured = any(f"\x1b[{code}m" in seen for code in (*range(30, 38), "1;32", "32", "1;31"))
    assert coloured is not no_colour


def test_what_a_server_says_cannot_steer_the_terminal(at_peer):
    evil = "<html><title>\x1b[2J\x07 \u202etxt.exe \x9b31m\r\n</title></html>".encode()
    at_peer.peer.behave = lambda *_: Reply(evil, media_type="text/html")
    done = at_peer.ask(FRESH).apply()
    assert done.status == 3
    assert "a web page titled" in done.out
    assert not harmful(done.out + done.err)
