"""A shared key for each row, good for one transaction: read by apply alone, used once, and not kept."""

from __future__ import annotations

import json

import pytest
from support.peers import Peer, Reply, refused_port
from support.site import PeerSite

from runner.lab.manners import parse_manners
from runner.state.reading import read_inventory

CREDENTIAL = "rows: {psk: {column: psk}, iterations: 1000}"
ITEMS = """\
enrollments:
  - name: ${host}
    for_each: {csv: hosts.csv, columns: {host: name, psk: secret}}
    subject: CN=${host}
    key: generate://pkcs8@ec:p256/out/${host}
    output: out/${host}
"""


@pytest.fixture
def rows(at_peer):
    """A site whose credential takes its secrets from the rows of hosts.csv."""
    return Rows(at_peer)


class Rows:
    def __init__(self, site):
        self.site = site
        self.psk = site.peer.lab.psk

    def write(self, table, *, credential=CREDENTIAL, items=ITEMS, url=None):
        self.site.file("hosts.csv").write_text(f"host,psk\n{table}")
        self.site.ask(items, credentials=credential, url=url)
        text = self.site.path.read_text().replace("credential: psk", "credential: rows" if "rows" in credential else "")
        self.site.path.write_text(text)
        return self.site

    @property
    def state(self):
        return self.site.file(".cmp-batch") / "state.db"


def test_a_row_brings_its_secret_and_nothing_repeats_it(rows):
    site = rows.write(f"web,{rows.psk}\n")
    plan = site.plan("--format", "json", "--out", str(site.file("plan.json")))
    done = site.apply("--verbose")
    assert done.outcomes == {"web": "issued"}, done
    key = rows.psk.partition(":")[2]
    said = plan.out + plan.err + done.out + done.err + json.dumps(done.report) + site.file("plan.json").read_text()
    assert key not in said
    files = {path: octets for path, (_, octets) in site.everything().items()}
    assert {path for path, octets in files.items() if key.encode() in octets} == {"hosts.csv", "psk"}
    [spent] = read_inventory(rows.state).spent.values()
    assert spent.item == "web"


def test_a_used_secret_opens_nothing_for_another_item(rows):
    site = rows.write(f"web,{rows.psk}\n")
    assert site.apply().status == 0
    asked = len(site.peer.requests)
    rows.write(f"web,{rows.psk}\nmail,{rows.psk}\n")
    assert site.verbs()["mail"] == ("enroll", ["no-certificate"])
    done = site.apply()
    assert (done.status, done.outcomes) == (3, {"web": "unchanged", "mail": "failed"})
    assert "its one-time secret was used on" in done.error("mail")
    assert "for web" in done.error("mail")
    assert len(site.peer.requests) == asked


def test_the_same_secret_in_two_rows_is_bad_input(rows):
    site = rows.write(f"web,{rows.psk}\nmail,{rows.psk}\n")
    before = site.everything()
    done = site.apply()
    assert done.status == 1
    assert "hosts.csv:3:1: error: mail and web have the same one-time secret" in done.err
    assert (site.peer.requests, site.everything()) == ([], before)


def test_an_empty_cell_is_bad_input_and_names_its_row(rows):
    done = rows.write("web,\n").apply()
    assert done.status == 1
    assert "hosts.csv:2:1" in done.err
    assert "has no psk in the row at line 2" in done.err


def test_a_refused_request_has_used_its_secret_up(tmp_path, capsys):
    folder = tmp_path / "site"
    folder.mkdir()
    with Peer(rules=parse_manners(("reject_names=web",))) as peer:
        rows = Rows(PeerSite(folder, capsys.readouterr, peer))
        site = rows.write(f"web,{rows.psk}\n")
        assert site.apply().outcomes == {"web": "failed"}
        assert site.verbs()["web"] == ("enroll", ["no-certificate", "secret-spent"])
        asked = len(peer.requests)
        done = site.apply()
        assert "its one-time secret was used on" in done.error("web")
        assert len(peer.requests) == asked
        rows.write("web,3078:another\n")  # a new secret is as good as the first: it goes out (and this CA knows it not)
        assert "its one-time secret" not in site.apply().error("web")
        assert len(peer.requests) > asked


def test_what_never_left_gives_its_secret_back(rows):
    site = rows.write(f"web,{rows.psk}\n", url=f"http://127.0.0.1:{refused_port()}/cmp")
    assert site.apply().outcomes == {"web": "failed"}
    assert read_inventory(rows.state).spent == {}
    rows.write(f"web,{rows.psk}\n")
    assert site.apply().outcomes == {"web": "issued"}


def test_a_server_that_is_busy_gets_the_same_request_again(rows):
    site = rows.write(f"web,{rows.psk}\n")
    site.peer.behave = lambda *_: Reply(b"later", status=503, media_type="text/plain")
    first = site.apply()
    assert first.outcomes == {"web": "failed"}
    assert "the same request goes out again" in first.error("web")
    assert site.verbs()["web"][0] == "resume"
    site.peer.behave = lambda lab, request, _: lab.respond(request)
    assert site.apply().outcomes == {"web": "issued"}
    assert site.peer.requests[0] == site.peer.requests[1]


def test_an_unanswered_request_is_resumed_under_the_same_secret_and_never_begun_anew(rows):
    site = rows.write(f"web,{rows.psk}\n")
    site.peer.behave = lambda *_: Reply(hangs_up=True)
    assert site.apply().outcomes == {"web": "unknown"}
    afresh = site.apply("--retry-unknown")
    assert "its one-time secret was used on" in afresh.error("web")
    site.peer.behave = lambda lab, request, _: lab.respond(request)
    assert site.apply().outcomes == {"web": "issued"}
    assert len({*site.peer.requests[:-1]}) == 1


@pytest.mark.parametrize("psk", ["{column: psk}", "{csv: psks.csv, key: name, column: psk}"])
def test_an_entry_may_say_it_itself(rows, psk):
    items = ITEMS + f"    psk: {psk}\n"
    rows.site.file("psks.csv").write_text(f"psk,name\n{rows.psk},web\n")
    site = rows.write(f"web,{rows.psk}\n", credential="psk: {psk: {file: psk}}", items=items)
    assert site.apply().outcomes == {"web": "issued"}
    assert [each.item for each in read_inventory(rows.state).spent.values()] == ["web"]


def test_another_table_is_joined_by_a_variable_of_the_row(rows):
    rows.site.file("psks.jsonl").write_text(
        f'{{"host": "mail", "secret": "1:x"}}\n{{"host": "web", "secret": "{rows.psk}"}}\n'
    )
    credential = "rows: {psk: {jsonl: psks.jsonl, key: host, column: secret}}"
    assert rows.write("web,\n", credential=credential).apply().outcomes == {"web": "issued"}


def test_a_renewal_is_signed_and_needs_no_secret(rows, shift):
    from datetime import timedelta

    items = ITEMS + "    renew_before: 30d\n"
    site = rows.write(f"web,{rows.psk}\n", items=items)
    assert site.apply().status == 0
    shift(timedelta(days=340))
    assert site.verbs()["web"][0] in ("rekey", "renew")
    assert site.apply().outcomes == {"web": "updated"}
