"""What the CA says in an authentic refusal is printed, reported and logged without the power to steer anything."""

from __future__ import annotations

import pytest
from support.answering import error, say
from support.harm import harmful
from support.requester import Secret

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode
from runner.pki.names import directory_name

EVIL = "no\x1b[2J\x1b]0;owned\x07 \u202etxt.exe\x9b31m\r\nerror: all is well\u2066 <b onclick=x>`code`"
FORMATS = ("html", "md", "xml", "csv")


@pytest.fixture
def refused(at_peer):
    """A site whose CA refuses in such words, under the right MAC."""

    def refuse(lab, request, _number):
        reference, _, key = lab.psk.partition(":")
        by = Secret(reference.encode(), key.encode())
        return say(
            "error",
            error("rejection", EVIL),
            request=decode(PKIMessage, request),
            by=by,
            sender=directory_name(lab.ca_name.der),
            sender_kid=reference.encode(),
        )

    at_peer.peer.behave = refuse
    return at_peer.ask()


def test_a_refusal_cannot_steer_the_terminal_or_a_report(refused):
    reports = [word for form in FORMATS for word in ("--report", refused.file(f"r.{form}"))]
    done = refused.apply("--verbose", *reports)
    assert done.outcomes == {"web": "failed"}
    assert "txt.exe" in done.out
    assert "the CA refused" in done.out
    texts = [done.out, done.err, *(refused.file(f"r.{form}").read_text(encoding="utf-8") for form in FORMATS)]
    for text in texts:
        assert not harmful(text)
    assert not [line for line in done.out.splitlines() if line.startswith("error: all is well")]
    assert "<b onclick" not in texts[2]
