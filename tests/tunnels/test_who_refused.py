"""Reports say who refused a request: the RA by its own rules, or the CA behind it."""

from __future__ import annotations

import pytest
from support.openssl_cmp import OpensslClient
from support.site import PeerSite

from runner.lab.rules import LabRules

TUNNEL = 'tunnels:\n  - {name: line, requests: inbox, output: outbox, approve: {names: ["CN=dev-*"]}}\n'
FORMATS = ("html", "md", "xml")


@pytest.fixture
def line(tmp_path, capsys, peer, openssl):
    (tmp_path / "site" / "inbox").mkdir(parents=True)
    site = PeerSite(tmp_path / "site", capsys.readouterr, peer)
    peer.lab._office.rules = LabRules(reject_names=("CN=dev-2",))
    device = OpensslClient(openssl, tmp_path)
    for name in ("boss", "dev-2"):
        (site.file("inbox") / f"{name}.csr").write_bytes(device.csr(name).read_bytes())
    return site.ask(TUNNEL, credentials="psk: {psk: {file: psk}, ra: true, iterations: 1000}")


def test_each_refusal_has_its_judge(line):
    reports = [word for form in FORMATS for word in ("--report", line.file(f"r.{form}"))]
    done = line.apply(*reports)
    items = done.items
    assert (items["line/boss.csr"]["status_from"], items["line/dev-2.csr"]["status_from"]) == ("ra", "ca")
    texts = [done.out, *(line.file(f"r.{form}").read_text(encoding="utf-8") for form in FORMATS)]
    for text in texts:
        lower = text.lower()
        assert (lower.count("the ra said"), lower.count("the ca said")) == (1, 0), text
        assert "the ca refused" in lower
        own = lower.index("the ra said")
        assert "among those that are certified through here" in lower[own : own + 200]
