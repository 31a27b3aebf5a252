"""Every manifest in manifests/ does what it says: against the lab inside, or one that serves behind a proxy."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field

import pytest
from support.gates import microsocks
from support.manifests import SAMPLES, bring
from support.peers import Peer
from support.program import program

ELSEWHERE = {"quickstart": "test_quickstart.py", "starter": "test_schema_init.py", "ra-tunnel": "test_files.py"}
"""Samples that have a file of tests of their own."""


@dataclass(frozen=True)
class Sample:
    """What a first apply of a sample comes to, and what it leaves behind."""

    outcomes: dict
    files: tuple
    options: tuple = ()
    kinds: dict = field(default_factory=dict)


RUN = {
    "fleet": Sample({"issued": 5}, ("gw-001-0.crt", "gw-005-0.crt")),
    "renewal": Sample({"issued": 1}, ("shop-0.crt", "shop-full.pem"), ("--allow-commands",)),
    "update-and-revoke": Sample({"issued": 1, "updated": 1, "revoked": 1}, ("gate-0.crt", "gate-2-0.crt")),
    "backup-and-recovery": Sample({"issued": 1, "recovered": 1}, ("mail-0.crt", "mail-0.prv")),
    "post-quantum": Sample({"issued": 2}, ("signer-0.crt", "receiver-0.crt")),
    "base-station": Sample({"issued": 2}, ("enb-0.crt", "enb-chain.pem", "operator-roots.pem")),
    "migration": Sample(
        {"issued": 3, "updated": 1, "revoked": 1, "recovered": 1},
        ("initial.prv", "updated-0.crt", "mail-0.crt", "recovered-0.prv"),
    ),
}


def test_every_sample_is_tried():
    here = {"hsm", "proxy", "migration-poll", *RUN}
    assert {path.stem for path in SAMPLES.glob("*.yaml")} == here | set(ELSEWHERE)


@pytest.fixture
def folder(tmp_path):
    """A folder to which `bring` takes a sample with what belongs to it, and in which it is applied."""
    return tmp_path


def applied(name, folder, *options, **environment):
    """What the report counts, and what was printed."""
    options = ("--yes", "--report", "report.json", *options)
    done = program("apply", f"{name}.yaml", *options, cwd=folder, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((folder / "report.json").read_text(encoding="utf-8"))["summary"]
    return {outcome: count for outcome, count in summary.items() if count}, done


@pytest.mark.parametrize("name", RUN)
def test_a_sample_does_what_it_says_and_then_nothing(name, folder):
    sample = RUN[name]
    bring(name, folder)
    counted, done = applied(name, folder, *sample.options)
    assert counted == sample.outcomes
    assert "warning" not in done.stdout + done.stderr or name in ("backup-and-recovery", "migration")
    made = {path.name for path in folder.rglob("*") if ".cmp-batch" not in path.parts}
    assert set(sample.files) <= made
    again, _ = applied(name, folder, *sample.options)
    assert again == {"unchanged": sum(sample.outcomes.values())}


def test_a_row_of_the_fleet_that_is_gone_is_revoked(folder):
    bring("fleet", folder)
    applied("fleet", folder)
    table = folder / "fleet.csv"
    table.write_text("".join(table.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    counted, _ = applied("fleet", folder, "--prune")
    assert counted["revoked"] == 1


def test_recovered_keys_are_the_ones_that_were_backed_up(folder, openssl):
    bring("backup-and-recovery", folder)
    applied("backup-and-recovery", folder)
    public = [
        subprocess.run([openssl, "pkey", "-in", folder / name, "-pubout"], capture_output=True, check=True).stdout
        for name in ("out/mail.prv", "recovered/mail-0.prv")
    ]
    assert public[0] == public[1]
    drill = program("recovery-drill", "backup-and-recovery.yaml", cwd=folder)
    assert drill.returncode == 0, drill.stdout + drill.stderr


def test_post_quantum_keys_are_certified(folder, openssl):
    bring("post-quantum", folder)
    applied("post-quantum", folder)
    shown = subprocess.run(
        [openssl, "x509", "-in", folder / "out/receiver-0.crt", "-noout", "-text"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "CN = receiver" in shown.stdout
    assert "2.16.840.1.101.3.4.4.2" in shown.stdout or "ML-KEM-768" in shown.stdout


def test_the_base_station_keeps_the_operators_root(folder, openssl):
    bring("base-station", folder)
    applied("base-station", folder)
    out = folder / "out"
    verify = [openssl, "verify", "-CAfile", out / "operator-roots.pem", out / "enb-0.crt"]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0


def test_the_hsm_has_the_key(folder, softhsm):
    bring("hsm", folder)
    label = "--var", f"token={softhsm.url('x').partition('token=')[2].partition(';')[0]}"
    counted, _ = applied("hsm", folder, *label, PIN="1234", SOFTHSM2_CONF=str(softhsm.configuration))
    assert counted == {"issued": 1}
    assert "signer" in softhsm.tool("--list-objects", "--type", "privkey")
    assert not list(folder.glob("out/*.prv"))


def test_the_proxy_is_on_the_way(folder):
    bring("proxy", folder)
    with Peer() as peer, microsocks(folder) as port:
        (folder / "ca.pem").write_bytes(peer.ca)
        options = ("--var", f"url={peer.url}", "--var", f"proxy=socks5h://127.0.0.1:{port}")
        counted, _ = applied("proxy", folder, *options, PLANT_PSK=peer.lab.psk)
    assert counted == {"issued": 1}


def test_without_the_proxy_nothing_is_sent(folder):
    """The same with a proxy that is not there: so it was the proxy that led to the CA."""
    bring("proxy", folder)
    with Peer() as peer:
        (folder / "ca.pem").write_bytes(peer.ca)
        options = ("--var", f"url={peer.url}", "--var", "proxy=socks5h://127.0.0.1:9")
        done = program("apply", "proxy.yaml", "--yes", *options, cwd=folder, PLANT_PSK=peer.lab.psk)
        assert done.returncode == 3, done.stdout
        assert not list(peer.lab._office.ledger.certificates())
