"""Rules by which an RA approves without asking: names, keys, usages, one request for a secret (issue: RA work).

What nobody may have from an RA is refused first, whatever the rules say: a CA's certificate, and the extended key
usages with which one acts for a CA (RFC 9810 §4.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.pki.extensions import EXTENDED_KEY_USAGES, extended_key_usage_name
from runner.ra.asked import Asked, AskedRevocation
from runner.ra.refusal import Refusal
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Collection

    from runner.pki.keyspecs import KeySpec
    from runner.pki.name_patterns import NamePattern
    from runner.pki.names import GeneralName, Name
    from runner.ra.requesters import Requester

_POWERS = frozenset(EXTENDED_KEY_USAGES[name] for name in ("cmcCA", "cmcRA", "cmKGA", "anyExtendedKeyUsage"))
_OF_CAS = frozenset({"keyCertSign", "cRLSign"})


@frozen
class KeyRules:
    """Which keys are certified. `kinds`: of any size, or one curve; `rsa_bits`: RSA at least so long."""

    kinds: tuple[KeySpec, ...] = ()
    rsa_bits: int = 2048
    by_ca: bool = False
    """Whether the CA may make the key."""


@frozen
class Rules:
    """What is approved; an empty field sets no rule. `ask`: a person approves, and rules do not."""

    names: tuple[NamePattern, ...] = ()
    keys: KeyRules = KeyRules()
    usages: tuple[str, ...] = ()
    """Key usages by name and extended key usages by dotted object identifier."""
    once: bool = False
    """A shared secret is good for one request."""
    ask: bool = False


def judge(asked: Asked | AskedRevocation, requester: Requester, rules: Rules, used: Collection[str]) -> None:
    """Refusal where the rules do not let the request pass. `used`: holders whose one request was forwarded before."""
    if rules.once and requester.secret is not None and requester.holder in used:
        raise Refusal("notAuthorized", "this reference number was used before, and is good for one request")
    if isinstance(asked, Asked):
        _no_powers(asked)
        _names(asked, rules)
        _key(asked.key, rules.keys)
        _usages(asked, rules)


def _no_powers(asked: Asked) -> None:
    if asked.ca or _OF_CAS & set(asked.key_usage):
        raise Refusal("unacceptedExtension", "a CA's certificate is not to be had from here")
    if found := sorted(_POWERS & set(asked.extended_key_usage)):
        names = ", ".join(extended_key_usage_name(oid) for oid in found)
        raise Refusal("unacceptedExtension", f"the extended key usage {names} is not to be had from here")


def _names(asked: Asked, rules: Rules) -> None:
    wanted: list[Name | GeneralName] = [*([asked.subject] if asked.subject.text else []), *asked.alt_names]
    if not wanted:
        raise Refusal("badCertTemplate", "there is neither a subject nor a subjectAltName")
    if not rules.names:
        return
    for name in wanted:
        if not any(pattern.fits(name) for pattern in rules.names):
            raise Refusal("notAuthorized", f"the name {name} is not among those that are certified through here")


def _key(key: KeySpec | None, rules: KeyRules) -> None:
    if key is None:
        if not rules.by_ca:
            raise Refusal("badCertTemplate", "there is no public key, and keys are not made for others here")
        return
    if key.kind == "rsa" and int(key.detail) < rules.rsa_bits:
        raise Refusal("badAlg", f"an RSA key of {key.detail} bits; at least {rules.rsa_bits} are needed")
    if rules.kinds and not any(_of_kind(key, allowed) for allowed in rules.kinds):
        allowed = ", ".join(map(str, rules.kinds))
        raise Refusal("badAlg", f"a key of the kind {key}; those of the kinds {allowed} are certified")


def _of_kind(key: KeySpec, allowed: KeySpec) -> bool:
    if key.kind != allowed.kind:
        return False
    if key.kind in ("rsa", "dsa"):
        return int(key.detail) >= int(allowed.detail)
    return key.detail == allowed.detail


def _usages(asked: Asked, rules: Rules) -> None:
    if not rules.usages:
        return
    for usage in (*asked.key_usage, *asked.extended_key_usage):
        if usage not in rules.usages:
            name = extended_key_usage_name(usage)
            raise Refusal("unacceptedExtension", f"the usage {name} is not among those that are certified through here")
