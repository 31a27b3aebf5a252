"""Items held against the policy: each rule a small function from an item to what is wrong, told at its line.

How many certificates one apply may ask for and revoke is a matter of the plan, and is judged in runner.plan.limits; so
is what lies in files, in runner.plan.contents.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from runner.errors import Diagnostic
from runner.manifest.credentials import CertificateCredential, PskCredential
from runner.manifest.model import Enrollment, Update
from runner.manifest.words import listed, shortened
from runner.pki.name_text import common_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from runner.errors import Place
    from runner.manifest.credentials import Credential
    from runner.manifest.ledger import Ledger
    from runner.manifest.model import AnyItem
    from runner.manifest.policy import Policy
    from runner.pki.keyspecs import KeySpec
    from runner.pki.keyurls import KeyUrl
    from runner.pki.names import GeneralName, Name

_WEAK = ("sha1", "hmac-sha1", "hmac-sha1-pkcs5", "md5")


class Breach(NamedTuple):
    """What an item does against a rule: at which of its keys, and in which words."""

    rule: str
    place: Place
    summary: str
    why: str = ""


def check_policy(
    policy: Policy, items: Sequence[AnyItem], credentials: Mapping[str, Credential | None], ledger: Ledger
) -> None:
    """Note every breach of the policy, at its place, as an error or a warning."""
    breaches = [breach for item in items for rule in _OF_ITEMS for breach in rule(policy, item)]
    breaches += _reused_keys(policy, items)
    breaches += _reused_secrets(policy, items, credentials)
    breaches += _weak_digests(policy, credentials)
    ledger.diagnostics += (told(policy, breach) for breach in breaches)


def told(policy: Policy, breach: Breach) -> Diagnostic:
    """A breach as a finding."""
    why = breach.why or f"the policy at {policy.place} says so"
    severity, summary = policy.severity(breach.rule), f"policy {breach.rule}: {breach.summary}"
    return Diagnostic(summary, breach.place, why, severity=severity, rule=f"policy/{breach.rule}")


def _made(item: AnyItem) -> Iterator[tuple[KeyUrl, KeySpec, Place]]:
    """The keys that an item has made, with their kind."""
    if isinstance(item, Enrollment | Update):
        key, at = (item.new_key, "new_key") if isinstance(item, Update) else (item.key, "key")
        if key is not None and key.spec is not None:
            yield key, key.spec, item.at(at)


def _made_keys(policy: Policy, item: AnyItem) -> Iterator[Breach]:
    for _, spec, place in _made(item):
        yield from key_breaches(policy, spec, place)


def key_breaches(policy: Policy, spec: KeySpec, place: Place) -> Iterator[Breach]:
    """What is wrong with a key of a kind, named at a place."""
    least, bits = policy.min_key_bits.get(spec.kind, 0), spec.bits
    if bits is not None and bits < least:
        yield Breach("min_key_bits", place, f"a key of {bits} bits ({spec}), {spec.kind} takes at least {least}")
    if policy.key_types and spec not in policy.key_types and spec.kind not in policy.key_types:
        allowed = listed([str(each) for each in policy.key_types])
        yield Breach("key_types", place, f"a key of the kind {spec}; allowed are {allowed}")


def _long_lives(policy: Policy, item: AnyItem) -> Iterator[Breach]:
    if policy.max_lifetime is None or not isinstance(item, Enrollment):
        return
    wish, most = item.template.validity, policy.max_lifetime
    if wish.valid_for is not None and wish.valid_for.total_seconds() > most:
        yield Breach(
            "max_lifetime", item.at("valid_for"), f"{wish.valid_for.days} days are asked for, of {most / 86400:.0f}"
        )
    elif wish.not_after is not None and wish.not_before is None:
        why = "not_after alone does not say how long that is"
        yield Breach("max_lifetime", item.at("not_after"), "the lifetime cannot be judged", why)
    elif wish.not_after is not None and wish.not_before is not None:
        span = wish.not_after - wish.not_before
        if span.total_seconds() > most:
            yield Breach("max_lifetime", item.at("not_after"), f"{span.days} days are asked for, of {most / 86400:.0f}")


def _names(policy: Policy, item: AnyItem) -> Iterator[Breach]:
    if isinstance(item, Enrollment):
        subject, names = item.template.subject, item.template.alt_names
        yield from subject_breaches(policy, subject, item.at("subject"))
        yield from alt_name_breaches(policy, names, item.at("alt_names"))


def subject_breaches(policy: Policy, subject: Name | None, place: Place) -> Iterator[Breach]:
    """What is wrong with a subject, named at a place."""
    allowed = policy.names.get("subject")
    for name in common_names(subject.text) if subject else ():
        if allowed is not None and not _matches(name, allowed):
            yield Breach("allowed_names", place, f"the common name {shortened(name)} is not allowed")
        if not policy.wildcards and "*" in name:
            yield Breach("wildcards", place, f"{shortened(name)} is a wildcard name")


def alt_name_breaches(policy: Policy, names: Sequence[GeneralName], place: Place) -> Iterator[Breach]:
    """What is wrong with alternative names, named at a place."""
    for name in names:
        if not _allowed(policy, name.kind, name.text):
            yield Breach("allowed_names", place, f"{shortened(str(name))} is not allowed")
        if not policy.wildcards and name.kind == "dns" and "*" in name.text:
            yield Breach("wildcards", place, f"{shortened(str(name))} is a wildcard name")


def _allowed(policy: Policy, kind: str, text: str) -> bool:
    if kind == "ip":
        return policy.networks is None or any(ip_address(text) in network for network in policy.networks)
    return kind not in policy.names or _matches(text, policy.names[kind])


def _matches(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text.lower(), pattern.lower()) for pattern in patterns)


_OF_ITEMS: tuple[Callable[[Policy, AnyItem], Iterator[Breach]], ...] = (
    _made_keys,
    _long_lives,
    _names,
)


def _reused_keys(policy: Policy, items: Sequence[AnyItem]) -> Iterator[Breach]:
    """Enrollments that share a key: an update of a certificate is the same certificate's."""
    first: dict[str, int] = {}
    for number, item in enumerate(items) if not policy.key_reuse else ():
        if isinstance(item, Enrollment) and item.key is not None:
            before = first.setdefault(item.key.path, number)
            if before != number:
                other = items[before]
                why = f"{other.name!r} has it at {other.at('key')}"
                yield Breach("key_reuse", item.at("key"), f"{item.name!r} shares its key with another item", why)


def _reused_secrets(
    policy: Policy, items: Sequence[AnyItem], credentials: Mapping[str, Credential | None]
) -> Iterator[Breach]:
    """Enrollments that are authenticated by one shared secret."""
    first: dict[str, AnyItem] = {}
    for item in items if not policy.psk_reuse else ():
        credential = credentials.get(item.credential or "")
        if (
            isinstance(item, Enrollment)
            and isinstance(credential, PskCredential)
            and not (credential.ra or credential.column)
        ):
            other = first.setdefault(credential.name, item)
            if other is not item:
                why = f"{other.name!r} uses it, too, at {other.place}"
                yield Breach(
                    "psk_reuse", item.at("credential"), f"{item.name!r} shares the psk {credential.name!r}", why
                )


def _weak_digests(policy: Policy, credentials: Mapping[str, Credential | None]) -> Iterator[Breach]:
    for credential in credentials.values() if not policy.weak_digests else ():
        digests: tuple[str, ...] = ()
        if isinstance(credential, CertificateCredential):
            digests = (credential.digest,)
        elif isinstance(credential, PskCredential):
            digests = (credential.mac.owf, credential.mac.mac)
        for digest in digests:
            if credential is not None and digest in _WEAK:
                yield Breach("weak_digests", credential.place, f"{credential.name!r} uses {digest}")
