"""An update (kur) that the shared secret protects, as EJBCA's RA mode and Insta have it, with a lab that takes it."""

from __future__ import annotations

import pytest
from support.peers import Peer
from support.site import PeerSite, entries, entry

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.lab.manners import Manners

UPDATE = "updates:\n  - {name: next, certificate: out/web-0.crt, key: 'file:out/web.prv', credential: psk,\n"
UPDATE += "     depends_on: [web],\n"
UPDATE += '     new_key: "generate://pkcs8@ec:p256/out/next", output: out/next}\n'


@pytest.mark.parametrize(("taken", "outcome"), [(True, "updated"), (False, "failed")])
def test_an_update_by_secret(tmp_path, capsys, taken, outcome):
    with Peer(rules=Manners(kur_by_secret=taken)) as peer:
        (tmp_path / "site").mkdir()
        site = PeerSite(tmp_path / "site", capsys.readouterr, peer)
        done = site.ask(entries(entry()) + UPDATE).apply()
        assert done.outcomes == {"web": "issued", "next": outcome}, done.items
        kinds = [decode(PKIMessage, octets).body.name for octets in peer.requests]
        assert "kur" in kinds
        if not taken:
            assert "wrongIntegrity" in done.error("next")
