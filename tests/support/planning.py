"""Documents, certificates, facts and inventories for the planner, made from a few words each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID
from support.ambient import NOON
from support.certificates import KEY

from runner.manifest.durations import parse_duration
from runner.manifest.load import load_manifest
from runner.pki.certificates import parse_certificate
from runner.pki.certification_requests import CertificationRequest
from runner.pki.crls import parse_crl
from runner.pki.names import parse_name
from runner.plan.case import certificate_path_of, key_path_of
from runner.plan.facts import MISSING, CertificateFacts, CrlFacts, Facts, FileFacts, KeyFacts, RequestFacts
from runner.plan.planner import make_plan
from runner.plan.targets import only
from runner.state.inventory import Held, Inventory, Open, Stage

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
apiVersion: cmp-batch/v1
authorities: {ca: {url: "http://ca.test/", trust: [ca.pem], credential: psk}}
credentials:
  psk: {psk: {env: CA_PSK}}
  op: {certificate: op.crt, key: "file:op.prv"}
"""
ENTRY = {"name": "web", "subject": "C=FI, CN=web", "key": "generate://pkcs8@ec:p256/out/web", "output": "out/web"}
_ATTRIBUTES = {"C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME, "CN": NameOID.COMMON_NAME}


def span(text):
    """`20d`, `-3h`, `31d 90m` → a timedelta."""
    text = str(text)
    seconds = sum(parse_duration(part) for part in text.removeprefix("-").split())
    return timedelta(seconds=-seconds if text.startswith("-") else seconds)


@lru_cache
def private_key(label):
    """The key of that name: P-256, or Ed25519 for names that begin with ed."""
    seed = hashlib.sha256(label.encode()).digest()
    if label.startswith("ed"):
        return ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    return ec.derive_private_key(int.from_bytes(seed, "big") % (1 << 255), ec.SECP256R1())


def public_key_info(label):
    return (
        private_key(label)
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def certificate(subject="C=FI, CN=web", key="a", since="0d", until="90d", **more):
    """A certificate; `since` and `until` count from NOON. More: alt_names, key_usage, extended_key_usage, serial."""
    parts = [part.strip().partition("=") for part in subject.split(",") if part.strip()]
    name = x509.Name([x509.NameAttribute(_ATTRIBUTES[kind], value) for kind, _, value in parts])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, more.get("issuer", "Plant CA"))])
    serial = more.get("serial", 1)
    public = private_key(key).public_key()
    builder = x509.CertificateBuilder(issuer, name, public, serial, NOON + span(since), NOON + span(until))
    for extension, critical in _extensions(**more):
        builder = builder.add_extension(extension, critical)
    return builder.sign(KEY, None).public_bytes(serialization.Encoding.DER)


def _extensions(alt_names=(), key_usage=(), extended_key_usage=(), **_):
    if alt_names:
        kinds = {"dns": x509.DNSName, "ip": lambda text: x509.IPAddress(ip_address(text))}
        pairs = [text.partition("=") for text in alt_names]
        yield x509.SubjectAlternativeName([kinds[kind](value) for kind, _, value in pairs]), False
    if key_usage:
        bits = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        bits += ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
        spelled = {"digitalSignature": bits[0], "keyEncipherment": bits[2], "keyAgreement": bits[4]}
        yield x509.KeyUsage(**{bit: bit in [spelled[usage] for usage in key_usage] for bit in bits}), True
    if extended_key_usage:
        yield x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in extended_key_usage]), False


@dataclass
class Given:
    """What a planner is given, from the words of a case."""

    folder: Path
    words: dict
    certificates: dict = field(default_factory=dict)

    def __post_init__(self):
        for name, more in self.words.get("certificates", {}).items():
            self.certificates[name] = certificate(**{"subject": f"C=FI, CN={name}", **(more or {})})
        for name in ("ca.pem", "op.crt", "op.prv", *self.words.get("files", {}), *self.words.get("touched", ())):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).touch()

        for name, text in self.words.get("further", {}).items():
            (self.folder / name).write_text(text, encoding="utf-8")

    def path(self, name):
        return str(self.folder / name)

    @property
    def items(self):
        if "items" in self.words:
            return self.words["items"]
        entry = {**ENTRY, **self.words.get("entry", {})}
        return yaml.safe_dump({"enrollments": [{key: value for key, value in entry.items() if value is not None}]})

    def document(self):
        manifest = self.folder / "m.yaml"
        manifest.write_text(HEAD + self.items, encoding="utf-8")
        return load_manifest([manifest])

    @property
    def now(self):
        return NOON + span(self.words.get("now", "0d"))

    def facts(self, document):
        certificates, keys, requests = {}, {}, {}
        for name, what in self.words.get("files", {}).items():
            kind, _, value = what.partition(" ")
            if kind == "certificate":
                found = parse_certificate(self.certificates[value])
                certificates[self.path(name)] = CertificateFacts(exists=True, certificate=found)
            elif kind == "junk":
                certificates[self.path(name)] = CertificateFacts(exists=True, problem=value)
            elif kind == "request":
                requests[self.path(name)] = _request_facts(value)
            else:
                keys[self.path(name)] = _key_facts(kind, value)
        for item in document.items:
            if item.name in self.words.get("keys", {}):
                kind, _, value = self.words["keys"][item.name].partition(" ")
                keys[key_path_of(item)] = _key_facts(kind, value)
        more = (self.outside(), {"ca": anchors} if (anchors := self.anchors()) else {}, self.crls())
        return Facts(certificates, keys, requests, *more)

    def outside(self):
        """`outside`: path → what is seen of a file; `missing` where it is not there."""
        return {
            self.path(name): MISSING if seen == "missing" else _outside(seen, self.certificates)
            for name, seen in self.words.get("outside", {}).items()
        }

    def anchors(self):
        """`anchors`: the names of certificates, or of CAs whose key is the one that signs all certificates."""
        return tuple(
            parse_certificate(self.certificates.get(name) or ca(name)) for name in self.words.get("anchors", ())
        )

    def crls(self):
        """`crl`: the names of certificates that the authority's CRL lists."""
        if "crl" not in self.words:
            return {}
        listed = crl([parse_certificate(self.certificates[name]).serial for name in self.words["crl"]])
        return {"ca": (CrlFacts(self.path("ca.crl"), parse_crl(listed)),)}

    def inventory(self, document):
        items = {item.name: item for item in document.items}
        held = {
            name: self._held(items.get(name), name, more or {}) for name, more in self.words.get("held", {}).items()
        }
        under_way = {name: self._open(items.get(name), name, more) for name, more in self.words.get("open", {}).items()}
        return Inventory(held, under_way)

    def _held(self, item, name, more):
        der = self.certificates.get(more.get("certificate"))
        blank = Held(
            item=name,
            digest=item.digest if item else "",
            outcome=more.get("outcome", "issued"),
            at=NOON + span(more.get("at", "0d")),
            certificate=der,
            certificate_path=certificate_path_of(item) if item and der else None,
            key_path=key_path_of(item) if item else None,
            key_digest=more.get("key_digest"),
            chain=b"".join(self.certificates.get(each) or ca(each) for each in more.get("chain", ())),
            authority=more.get("authority", "ca"),
            credential=more.get("credential", ""),
            on_remove=more.get("on_remove", "keep"),
            seals="\n".join(f"{seal} {self.path(path)}" for path, seal in more.get("seals", {}).items()),
            stores="\n".join(self.path(path) for path in more.get("seals", {})),
        )
        changes = {"stores": self.path(more["stores"])} if "stores" in more else {}
        changes |= {"digest": "another"} if more.get("changed") else {}
        changes |= {key: self.path(more[key]) for key in ("certificate_path", "key_path") if key in more}
        if "replaces" in more:
            changes["replaces"] = hashlib.sha256(self.certificates[more["replaces"]]).hexdigest()
        return replace(blank, **changes)

    def _open(self, item, name, more):
        return Open(
            item=name,
            operation=f"op-{name}",
            kind=more.get("kind", "ir"),
            digest="another" if more.get("changed") or item is None else item.digest,
            stage=Stage(more["stage"]),
            at=NOON,
            note=more.get("note", ""),
            key_path=self.path(more["key_path"]) if "key_path" in more else key_path_of(item) if item else None,
            check_after=NOON + span(more["check_after"]) if "check_after" in more else None,
        )

    def plan(self, document=None):
        document = document or self.document()
        retry = self.words.get("retry_unknown", False)
        facts, inventory = self.facts(document), self.inventory(document)
        plan = make_plan(
            document, facts, inventory, self.now, retry_unknown=retry, prune=self.words.get("prune", False)
        )
        return only(plan, self.words.get("targets", ()))


def _request_facts(value):
    """`request KEY SUBJECT`: a PKCS #10 request; `request` alone: something else."""
    key, _, subject = value.partition(" ")
    if not key:
        return RequestFacts(exists=True, problem="no request")
    return RequestFacts(exists=True, request=CertificationRequest(b"", parse_name(subject), public_key_info(key), ()))


def _outside(seen, certificates):
    more = {**seen, "mode": int(seen.get("mode", "0644"), 8)}
    more |= {key: tuple(str(seen[key]).split()) for key in ("owner", "group") if key in seen}
    more["certificates"] = tuple(certificates.get(name) or ca(name) for name in seen.get("certificates", ()))
    return FileFacts(**more)


@lru_cache
def ca(name):
    """A CA of that name with the key that all certificates here are signed with."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, KEY.public_key(), 7, NOON - span("1d"), NOON + span("4000d"))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(KEY, None).public_bytes(serialization.Encoding.DER)


def crl(serials, issuer="Plant CA"):
    """Its CRL."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    builder = x509.CertificateRevocationListBuilder(name, NOON, NOON + span("7d"))
    for serial in serials:
        entry = x509.RevokedCertificateBuilder(serial, NOON)
        entry = entry.add_extension(x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(KEY, None).public_bytes(serialization.Encoding.DER)


def _key_facts(kind, value):
    if kind == "key":
        return KeyFacts(exists=True, public_key_info=public_key_info(value))
    if kind == "sealed":
        return KeyFacts(exists=True, sealed=True, digest=value)
    if kind == "unseen":
        return KeyFacts(exists=True, unseen=True, problem=value)
    if kind == "out-of-reach":
        return KeyFacts(exists=False, problem=value)
    return KeyFacts(exists=True, problem=value or kind)


def told(step):
    """A step in a line: `keep good`, `revoke asked (rr) after up`."""
    codes = ",".join(reason.code for reason in step.reasons)
    request = f" ({step.request})" if step.request else ""
    needs = f" after {','.join(step.needs)}" if step.needs else ""
    return f"{step.verb.value} {codes}{request}{needs}"
