"""Bodies that nobody sends in good faith, under a MAC that is right: the lab reads them, says no, and never fails.

A stranger's octets get no further than the protection (test_any_octets.py); these are of somebody who has the secret.
"""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import requester as peer
from support.ambient import CountingEntropy, FixedClock

from runner.asn1.cmp import CertStatus, InfoTypeAndValue, PKIHeader, PKIMessage, PKIStatusInfo, PollReq, RevDetails
from runner.asn1.crmf import CertTemplate, Control
from runner.asn1.der import tlv
from runner.asn1.infotypes import INFO_TYPES, POPO_DEC_KEY_RESP
from runner.asn1.structures import decode, encode
from runner.lab.authority import open_lab
from runner.pki.extensions import Extension
from runner.pki.names import directory_name

SYSTEM_FAILURE = 25
"""The bit of failInfo that the lab's wall sets: something was not foreseen."""
TAGS = {"krr": 9, "rr": 11, "popdecr": 6, "nested": 20, "genm": 21, "certConf": 24, "pollReq": 25}
MOST = 64
"""Elements of a SEQUENCE OF that are read."""

small = st.binary(max_size=40)
big = st.integers(0, 3).map(lambda n: bytes(10**n * 100))
sizes = st.one_of(small, big)
numbers = st.one_of(st.integers(-3, 3), st.integers(-(2**2048), 2**2048), st.sampled_from([2**31, 2**63, -(2**63)]))
oids = st.one_of(
    st.sampled_from([*INFO_TYPES.values(), "1.3.6.1.5.5.7.5.1.6", "2.5.29.21", "2.5.29.19", "2.5.29.17"]),
    st.just("1." + "3." * 60 + "1"),
)
values = st.recursive(
    st.builds(tlv, st.sampled_from([0x02, 0x03, 0x04, 0x05, 0x06, 0x0A, 0x0C, 0x18, 0x80, 0x81]), sizes),
    lambda inner: st.builds(
        lambda tag, parts: tlv(tag, b"".join(parts)),
        st.sampled_from([0x30, 0x31, *range(0xA0, 0xAA)]),
        st.lists(inner, max_size=6),
    ),
    max_leaves=20,
)
infos = st.builds(
    lambda status, words: PKIStatusInfo(status=status, status_string=tuple(words)),
    st.integers(-1, 9),
    st.lists(st.text(max_size=9), max_size=3),
)
contents = {
    "certConf": st.lists(
        st.builds(CertStatus, cert_hash=sizes, cert_req_id=numbers, status_info=st.one_of(st.none(), infos)),
        max_size=70,
    ).map(tuple),
    "pollReq": st.lists(st.builds(PollReq, cert_req_id=numbers), max_size=70).map(tuple),
    "genm": st.lists(
        st.builds(InfoTypeAndValue, info_type=oids, info_value=st.one_of(st.none(), values)), max_size=70
    ).map(tuple),
    "popdecr": st.lists(numbers, max_size=70).map(lambda found: POPO_DEC_KEY_RESP.encode(tuple(found))),
    "nested": st.lists(values, max_size=70).map(lambda parts: tlv(0x30, b"".join(parts))),
}


@pytest.fixture(scope="module")
def lab():
    return open_lab(None, FixedClock(), CountingEntropy())


@pytest.fixture(scope="module")
def newcomer(lab):
    return peer.newcomer_to(lab)


@pytest.fixture(scope="module")
def holder(newcomer):
    """Somebody who has one certificate, which is to stay as it is."""
    return newcomer.holder()


def states(lab):
    return [(each.serial, each.state) for each in lab._office.ledger.certificates()]


def judged(lab, octets):
    """The answer: marked, protected, and no failure of the lab's; nothing was issued or revoked by it."""
    before = states(lab)
    said = decode(PKIMessage, lab.respond(octets))
    assert said.protection is not None
    if said.body.name == "error":
        assert SYSTEM_FAILURE not in said.body.value.pki_status_info.fail_info, said.body.value
    assert states(lab) == before
    return said


@pytest.mark.parametrize("kind", sorted(contents))
@settings(max_examples=25)
@given(data=st.data())
def test_contents_of_any_size(lab, newcomer, kind, data):
    content = data.draw(contents[kind])
    judged(lab, newcomer.begin().message(kind, content))
    enrolled = newcomer.enrol(peer.new_key())
    assert enrolled.status == "accepted"
    before = states(lab)
    answer = decode(PKIMessage, lab.respond(newcomer.message(kind, content)))
    if kind == "certConf" and content == ():
        assert answer.body.name == "pkiconf", "that rejects the certificate"
    else:
        assert (answer.body.name, states(lab)) == ("error", before) or kind == "nested"


def protected(newcomer, kind, body) -> bytes:
    """A message whose body is these octets, whatever they are, under the secret."""
    header = PKIHeader(
        pvno=2,
        recipient=directory_name(newcomer.lab.ca_name.der),
        transaction_id=peer.marks(b"tid"),
        sender_nonce=peer.marks(b"nonce"),
        **newcomer.protection.header,
    )
    part = encode(header) + tlv(0xA0 + TAGS[kind], body)
    mac = newcomer.protection.protect(tlv(0x30, part))
    return tlv(0x30, part + tlv(0xA0, tlv(0x03, b"\0" + mac)))


@pytest.mark.parametrize("kind", sorted(TAGS))
@settings(max_examples=15)
@given(data=st.data())
def test_elements_that_fit_nothing(lab, newcomer, kind, data):
    parts = data.draw(st.lists(values, max_size=8))
    judged(lab, protected(newcomer, kind, tlv(data.draw(st.sampled_from([0x30, 0x31, 0x02])), b"".join(parts))))


@settings(max_examples=25)
@given(data=st.data())
def test_revocations_of_anything(lab, newcomer, holder, data):
    """Also of a certificate that is there, for reasons that are none."""
    serial = data.draw(st.one_of(numbers, st.just(holder.serial)))
    extension = Extension(extn_id=data.draw(oids), critical=True, extn_value=data.draw(sizes))
    issuer = data.draw(st.sampled_from([None, lab.ca_name.der, tlv(0x30, b""), tlv(0x30, tlv(0x31, b""))]))
    details = RevDetails(
        cert_details=CertTemplate(issuer=issuer, serial_number=serial), crl_entry_details=(extension, extension)
    )
    if serial == holder.serial and issuer == lab.ca_name.der and extension.extn_id != "2.5.29.21":
        return  # that is a revocation
    judged(lab, newcomer.begin().message("rr", (details,) * data.draw(st.integers(1, 70))))


@settings(max_examples=25)
@given(data=st.data())
def test_recoveries_with_controls_of_any_kind(lab, newcomer, data):
    controls = data.draw(st.lists(st.builds(Control, type=oids, value=values), max_size=20))
    wanted = CertTemplate(subject=data.draw(st.sampled_from([None, lab.ca_name.der, tlv(0x30, b"")])))
    request = peer.cert_req(None, wanted, cert_req_id=data.draw(numbers), popo=None, controls=tuple(controls))
    said = judged(lab, newcomer.begin().message("krr", (request,), pvno=data.draw(st.sampled_from([1, 2, 3]))))
    assert said.body.name in ("krp", "error")


@pytest.mark.parametrize("kind", ["certConf", "genm", "rr", "pollReq", "krr", "ir", "popdecr", "nested"])
def test_more_elements_than_are_read(lab, newcomer, kind):
    """One more than the codec reads is refused as a whole; so are very many."""
    digest = hashlib.sha256(b"").digest()
    one = {
        "certConf": CertStatus(cert_hash=digest, cert_req_id=0),
        "genm": InfoTypeAndValue(info_type=INFO_TYPES["caCerts"]),
        "rr": RevDetails(cert_details=CertTemplate(issuer=lab.ca_name.der, serial_number=1)),
        "pollReq": PollReq(cert_req_id=0),
    }
    for count in (MOST + 1, 5000):
        if kind in ("krr", "ir"):
            content = tuple(peer.cert_req(None, CertTemplate(), cert_req_id=n, popo=None) for n in range(count))
        elif kind in ("popdecr", "nested"):
            content = tlv(0x30, tlv(0x02, b"\x01") * count)
        else:
            content = (one[kind],) * count
        said = judged(lab, newcomer.begin().message(kind, content))
        assert said.body.name == "error"
