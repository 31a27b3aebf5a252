"""What Insta Certifier 3.3 wants otherwise, in the messages that go out; openssl shows them."""

from __future__ import annotations

import subprocess

import pytest
from support.site import FRESH
from support.tools import need


def shown(site):
    """Our first message as openssl reads it, a line for each element."""
    command = [need("openssl"), "asn1parse", "-inform", "DER", "-i"]
    done = subprocess.run(command, input=site.peer.requests[0], capture_output=True, check=True)
    return done.stdout.decode("latin-1").splitlines()


@pytest.mark.parametrize(
    ("more", "versioned", "timed"),
    [
        ("profile: insta-3.3", True, False),
        ("profile: insta", False, True),
        ("template_version: true", True, True),
        ("profile: insta-3.3\n    template_version: false", False, False),
    ],
)
def test_the_template_says_the_version_where_that_is_wanted(at_peer, more, versioned, timed):
    assert at_peer.ask(FRESH, more=more).apply().outcomes == {"web": "issued"}
    lines = shown(at_peer)
    assert any("GENERALIZEDTIME" in line for line in lines) is timed
    number = next(at for at, line in enumerate(lines) if line.endswith("INTEGER           :00"))  # certReqId
    template, first = lines[number + 1 : number + 3]
    assert "SEQUENCE" in template
    assert ("cont [ 0 ]" in first and "prim" in first and "l=   1" in first) is versioned
    assert ("cont [ 5 ]" in first) is not versioned  # the subject
