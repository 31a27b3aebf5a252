"""Items of generalInfo that nobody here knows: an answer with them is the answer without them (RFC 9810 §5.1.1)."""

from __future__ import annotations

import pytest
from support import answering as a

from runner.asn1.cmp import InfoTypeAndValue
from runner.cmp.dialogue import Done, Offered

ITEMS = {
    "ESSCertID of cryptlib": ("1.2.840.113549.1.9.16.2.12", "311c301a301830160414" + "00" * 20),
    "ESSCertIDv2 of cryptlib": ("1.2.840.113549.1.9.16.2.47", "31283026302430220420" + "00" * 32),
    "cryptlib's own mark": ("1.3.6.1.4.1.3029.3.1.1", "3100"),
    "an item without a value": ("1.3.6.1.5.5.7.4.99", None),
    "a value of any form": ("1.3.6.1.5.5.7.4.99", "0500"),
}


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("by", ["secret", a.CA], ids=["mac", "signature"])
def test_what_is_not_known_is_ignored(name, by):
    oid, value = ITEMS[name]
    item = InfoTypeAndValue(info_type=oid, info_value=None if value is None else bytes.fromhex(value))
    talk = a.Talk(parties=(a.by_secret if by == "secret" else a.by_signature)(a.CA), by=by)
    offered = talk.offered(general_info=(item, item))
    assert isinstance(offered, Offered)
    assert (offered.problem, talk.dialogue.confirmed) == (None, False)
    talk.decides()
    assert isinstance(talk.hears("pkiconf", None, general_info=(item,)), Done)
