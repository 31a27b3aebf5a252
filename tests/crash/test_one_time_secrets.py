"""kill -9 at every durable act of a request under a one-time secret: it is used once, by the one transaction that is
gone on with, and is marked as used before the request leaves.
"""

from __future__ import annotations

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode

ROW = """\
enrollments:
  - name: ${host}
    for_each: {csv: hosts.csv, columns: {host: name, psk: secret}}
    psk: {column: psk}
    subject: "C=FI, CN=${host}"
    key: generate://pkcs8@ec:p256/out/${host}
    output: out/${host}
"""


def enrolling(site):
    made = site().write(ROW)
    made.path("hosts.csv").write_text(f"host,psk\nweb,{made.peer.lab.psk}\n")
    return made


def transactions(made):
    """The transactionIDs of all that the CA heard."""
    return {decode(PKIMessage, request).header.transaction_id for request in made.peer.requests}


def test_kill_9_at_every_durable_act(site):
    rehearsal = enrolling(site).apply()
    assert rehearsal["status"] == 0
    sent = rehearsal["moments"].index("after commit sent")
    for number, words in enumerate(rehearsal["moments"]):
        if "commit" not in words:
            continue
        made = enrolling(site)
        assert made.apply(kill_at=number)["status"] == -9, made.said
        spent = made.inventory.spent if made.path(".cmp-batch/state.db").exists() else {}
        assert bool(spent) == (number >= sent)
        assert not made.peer.requests or spent
        made.converge()
        assert len(transactions(made)) == 1
        assert len(made.issued) == len(made.inventory.spent) == 1
        assert made.pair_matches()
        made.nothing_is_torn()
