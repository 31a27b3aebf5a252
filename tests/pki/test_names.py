"""Distinguished names between text and DER, judged by `cryptography` and openssl (RFC 4514, RFC 5280 §4.1.2.4)."""

from __future__ import annotations

import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st
from support import codec
from support.certificates import certificate_der

from runner.asn1.der import tlv
from runner.asn1.x509 import RDN_SEQUENCE, AttributeTypeAndValue
from runner.errors import Malformed
from runner.pki import names
from runner.pki.names import common_name, name_from_der, parse_name, same_name, starts_with

SPECIAL = ',+"\\<>;=# '
values = st.text(st.sampled_from(SPECIAL + "aÄ€\x00\n\t\x7f\u202e0"), min_size=1, max_size=8) | codec.texts.filter(bool)
kinds = st.sampled_from(["CN", "O", "OU", "L", "ST", "T", "GN", "SN", "UID", "1.3.6.1.4.1.99999.1"])
OIDS = {"CN": NameOID.COMMON_NAME, "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME}


def built(*rdns) -> bytes:
    """The DER of a Name, by `cryptography`."""
    return x509.Name(
        [x509.RelativeDistinguishedName([x509.NameAttribute(OIDS[kind], value) for kind, value in rdn]) for rdn in rdns]
    ).public_bytes()


def one(kind: str, element: bytes) -> bytes:
    return RDN_SEQUENCE.encode(((AttributeTypeAndValue(type=kind, value=element),),))


def rfc4514(text: str) -> str:
    """A value with every character that is special anywhere escaped, by the book."""
    escaped = {char: "\\" + char for char in SPECIAL} | {"\t": "\\09", "\n": "\\0A", "\r": "\\0d"}
    return "".join(escaped.get(char, char) for char in text)


@given(value=values)
@example(" ")
@example("  a  ")
@example("#00")
@example("ends with \\")
def test_a_value_that_is_escaped_arrives_as_it_is(value):
    assert parse_name(f"O=x, CN={rfc4514(value)}").der == built([("O", "x")], [("CN", value)])


@given(rdns=st.lists(st.lists(st.tuples(kinds, values), min_size=1, max_size=3, unique=True), max_size=4))
def test_what_is_printed_means_the_same_name(rdns):
    name = parse_name(", ".join("+".join(f"{kind}={rfc4514(value)}" for kind, value in rdn) for rdn in rdns))
    shown, again = name.text, parse_name(str(name))
    assert (again.der, again.text) == (name.der, shown)
    assert name_from_der(name.der) == name
    names._texts.clear()  # what is not remembered is made again
    assert name.text == shown
    assert not {"\n", "\x00", "\x7f"} & set(name.text)


@given(codec.elements)
def test_values_that_are_no_text_are_printed_in_hex_and_read_again(element):
    name = name_from_der(one("2.5.4.3", element))
    if name.text.startswith("CN=#"):
        assert name.text == f"CN=#{element.hex()}"
        assert parse_name(name.text).der == name.der


WRITTEN = {
    "C=FI, O=Example, CN=web": [[("C", 0x13, "FI")], [("O", 0x0C, "Example")], [("CN", 0x0C, "web")]],
    "CN=web,O=Example,C=FI": [[("CN", 0x0C, "web")], [("O", 0x0C, "Example")], [("C", 0x13, "FI")]],
    "cn = web , o=  two words ": [[("CN", 0x0C, "web")], [("O", 0x0C, "two words")]],
    "CN=web\n": [[("CN", 0x0C, "web")]],
    'O="Example, Inc.", CN=a': [[("O", 0x0C, "Example, Inc.")], [("CN", 0x0C, "a")]],
    'O=" spaces kept "': [[("O", 0x0C, " spaces kept ")]],
    'O="a \\"quoted\\" word"': [[("O", 0x0C, 'a "quoted" word')]],
    "O=trailing\\ ": [[("O", 0x0C, "trailing ")]],
    "O=trailing\\  ": [[("O", 0x0C, "trailing ")]],
    "O=backslash\\\\ ": [[("O", 0x0C, "backslash\\")]],
    "O=backslash and space\\\\\\ ": [[("O", 0x0C, "backslash and space\\ ")]],
    "O=\\ leading": [[("O", 0x0C, " leading")]],
    "O=\\#1": [[("O", 0x0C, "#1")]],
    "O=#0c0131": [[("O", 0x0C, "1")]],
    "O=#1303414243": [[("O", 0x13, "ABC")]],
    "CN=Jyv\\C3\\A4skyl\\c3\\a4": [[("CN", 0x0C, "Jyväskylä")]],
    "CN=a=b": [[("CN", 0x0C, "a=b")]],
    "CN=a+O=b": [[("CN", 0x0C, "a"), ("O", 0x0C, "b")]],
    "O=b+CN=a": [[("CN", 0x0C, "a"), ("O", 0x0C, "b")]],
    "CN=a+SERIALNUMBER=7": [[("CN", 0x0C, "a"), ("SERIALNUMBER", 0x13, "7")]],
    "DC=com, DC=example, UID=u": [[("DC", 0x16, "com")], [("DC", 0x16, "example")], [("UID", 0x0C, "u")]],
    "E=a@b.example": [[("EMAIL", 0x16, "a@b.example")]],
    "emailAddress=a@b.example": [[("EMAIL", 0x16, "a@b.example")]],
    "DNQ=x": [[("DNQ", 0x13, "x")]],
    "S=Uusimaa, title=Dr": [[("ST", 0x0C, "Uusimaa")], [("T", 0x0C, "Dr")]],
    "2.5.4.3=dotted, OID.2.5.4.10=too": [[("CN", 0x0C, "dotted")], [("O", 0x0C, "too")]],
    "": [],
    "  ": [],
}
ATTRIBUTES = {
    "CN": "2.5.4.3",
    "SERIALNUMBER": "2.5.4.5",
    "C": "2.5.4.6",
    "ST": "2.5.4.8",
    "O": "2.5.4.10",
    "T": "2.5.4.12",
    "DNQ": "2.5.4.46",
    "DC": "0.9.2342.19200300.100.1.25",
    "UID": "0.9.2342.19200300.100.1.1",
    "EMAIL": "1.2.840.113549.1.9.1",
}


@pytest.mark.parametrize(("text", "rdns"), WRITTEN.items())
def test_what_people_write(text, rdns):
    wanted = tuple(
        tuple(AttributeTypeAndValue(type=ATTRIBUTES[kind], value=tlv(tag, value.encode())) for kind, tag, value in rdn)
        for rdn in rdns
    )
    assert RDN_SEQUENCE.decode(parse_name(text).der) == wanted


REFUSED = {
    "CN": "is not TYPE=value",
    "web-1": "is not TYPE=value",
    "CN=a,": "is not TYPE=value",
    "CN=a, b": "a comma inside a value is written",
    "CN=": "has no value",
    "CN=  ": "has no value",
    'CN=""': "has no value",
    'CN="a': "never closed",
    'CN=a"b"': "quotation mark inside a value",
    'CN="a"b"c"': "quotation mark inside a value",
    "CN=a\\": "a backslash",
    "CN=DOMAIN\\user": "a backslash",
    "CN=\\ff": "not UTF-8",
    "CN=#": "hexadecimal",
    "CN=#1 server": "hexadecimal",
    "CN=#0c05": "hexadecimal",
    "CN=#0c0131ff": "hexadecimal",
    "C=Finland": "two letters",
    "C=F": "two letters",
    "C=Ää": "PrintableString",
    "SERIALNUMBER=a_b": "PrintableString",
    "E=ä@b": "IA5String",
    "DC=ä": "IA5String",
    "XX=a": "unknown attribute type",
    "1.2.=a": "not an object identifier",
    "1.2.x=a": "unknown attribute type",
    "3.1.2=a": "not an object identifier",
    "1.40=a": "not an object identifier",
    "\u0661.\u0662=a": "not an object identifier",
    "CN=\udcff": "surrogates",
}


@pytest.mark.parametrize(("text", "words"), REFUSED.items())
def test_what_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        parse_name(text)


@given(st.text(max_size=40) | st.text(SPECIAL + "CNO=12.\n", max_size=20))
def test_any_text_is_a_name_or_a_valueerror(text):
    try:
        name = parse_name(text)
    except ValueError:
        return
    assert parse_name(name.text).der == name.der


@given(st.binary(max_size=40) | codec.elements)
def test_any_octets_are_a_name_or_malformed(octets):
    try:
        name = name_from_der(octets)
    except Malformed:
        return
    assert same_name(name.der, octets)


def test_the_parts_of_one_rdn_are_sorted_as_der_wants_them():
    assert parse_name("OU=z+CN=bbb+O=a").der == built([("CN", "bbb"), ("O", "a"), ("OU", "z")])
    long = "l" * 130
    assert parse_name(f"O={long}+OU=a").der == built([("O", long), ("OU", "a")])
    assert parse_name(f"OU=a+O={long}").der == built([("O", long), ("OU", "a")])


def test_openssl_reads_the_string_types(openssl, tmp_path):
    file = tmp_path / "name.der"
    file.write_bytes(parse_name("C=FI, O=Ex, serialNumber=5, CN=web, E=a@b.example, DC=example, DNQ=q, UID=u").der)
    told = subprocess.run(
        [openssl, "asn1parse", "-inform", "DER", "-in", file], capture_output=True, text=True, check=True
    )
    strings = [line.split("prim:")[1].split(":")[0].strip() for line in told.stdout.splitlines() if "STRING" in line]
    assert strings == [
        "PRINTABLESTRING",
        "UTF8STRING",
        "PRINTABLESTRING",
        "UTF8STRING",
        "IA5STRING",
        "IA5STRING",
        "PRINTABLESTRING",
        "UTF8STRING",
    ]


def test_openssl_prints_the_same_order(openssl, tmp_path):
    der = certificate_der("web-1")
    printed = subprocess.run(
        [openssl, "x509", "-inform", "DER", "-noout", "-subject", "-nameopt", "esc_2253,sep_comma_plus_space,sname"],
        input=der,
        capture_output=True,
        check=True,
    )
    subject = x509.load_der_x509_certificate(der).subject
    assert printed.stdout.decode().removeprefix("subject=").strip() == str(name_from_der(subject.public_bytes()))


STRINGS = {
    "UTF8String": (0x0C, "Ä".encode()),
    "PrintableString": (0x13, b"A"),
    "T61String": (0x14, b"\xc4"),
    "IA5String": (0x16, b"A"),
    "BMPString": (0x1E, "Ä€".encode("utf-16-be")),
    "UniversalString": (0x1C, "Ä€".encode("utf-32-be")),
    "NumericString": (0x12, b"12"),
    "VisibleString": (0x1A, b"A"),
}
TEXTS = {"UTF8String": "Ä", "T61String": "Ä", "BMPString": "Ä€", "UniversalString": "Ä€", "NumericString": "12"}


@pytest.mark.parametrize("kind", STRINGS)
def test_every_kind_of_string_is_read(kind):
    assert str(name_from_der(one("2.5.4.3", tlv(*STRINGS[kind])))) == f"CN={TEXTS.get(kind, 'A')}"


@pytest.mark.parametrize(
    ("tag", "body"),
    [(0x0C, b"\xff"), (0x1E, b"\xd8\x00"), (0x1E, b"a"), (0x1C, b"aaaa"), (0x02, b"\x07"), (0x16, b"\xff")],
)
def test_what_is_no_text_is_printed_in_hex(tag, body):
    assert str(name_from_der(one("2.5.4.3", tlv(tag, body)))) == f"CN=#{tlv(tag, body).hex()}"


def test_an_unknown_type_is_printed_with_its_numbers():
    assert str(name_from_der(one("1.2.3.4", tlv(0x0C, b"x")))) == "1.2.3.4=x"


SAME = [
    ("CN=web", "CN=WEB"),
    ("CN=two  words", "CN=two words"),
    ("CN=\\ two words\\ ", "CN=two words"),
    ("CN=#130161", "CN=a"),
    ("CN=#1e020061", "CN=a"),
    ("CN=a+O=b", "O=B+CN=A"),
    ("CN=Straße", "CN=STRASSE"),
]
DIFFERENT = [
    ("CN=a", "CN=b"),
    ("CN=a", "O=a"),
    ("CN=a", "CN=a, O=b"),
    ("CN=a, O=b", "O=b, CN=a"),
    ("CN=a+O=b", "CN=a, O=b"),
    ("CN=a+CN=b", "CN=b"),
    ("CN=#0500", "CN=\\#0500"),
    ("CN=#0c01ff", "CN=#0c01fe"),
    ("CN=#0c01ff", "CN=\ufffd"),
    ("CN=ab", "CN=a b"),
    ("", "CN=a"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_names_that_are_one_name(left, right):
    assert same_name(parse_name(left).der, parse_name(right).der)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_names_that_differ(left, right):
    assert not same_name(parse_name(left).der, parse_name(right).der)


def test_one_name_begins_with_another():
    whole = parse_name("C=FI, O=Example, CN=web").der
    assert starts_with(whole, parse_name("").der)
    assert starts_with(whole, parse_name("C=fi, O=EXAMPLE").der)
    assert starts_with(whole, whole)
    assert not starts_with(parse_name("C=FI").der, whole)
    assert not starts_with(whole, parse_name("O=Example").der)


def test_a_name_beyond_measure_is_malformed():
    with pytest.raises(Malformed, match="absurdly long"):
        name_from_der(one("2.5.4.3", tlv(0x0C, b"x" * 20_000)))
    with pytest.raises(Malformed, match="absurdly long"):
        same_name(one("2.5.4.3", tlv(0x0C, b"x" * 20_000)), one("2.5.4.3", tlv(0x0C, b"y")))


@given(codec.texts)
def test_a_common_name_of_any_text(text):
    der = common_name(text).der
    assert RDN_SEQUENCE.decode(der)[0][0].value == tlv(0x0C, text.encode())
    if text:
        assert der == built([("CN", text)])


def test_certificates_print_as_they_were_made():
    certificate = x509.load_der_x509_certificate(certificate_der("web-1"))
    assert str(name_from_der(certificate.subject.public_bytes(Encoding.DER))) == "C=FI, CN=web-1"


def test_a_name_of_many_rdns_can_be_written_and_printed():
    name = parse_name(", ".join(["OU=x"] * 100))
    names._texts.clear()
    assert name.text == ", ".join(["OU=x"] * 100)
