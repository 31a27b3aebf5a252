"""What a certificate should say, and how a certificate differs from it, field by field.

The planner calls differences drift; the core calls them a reason to reject. Serial number, dates and key identifiers
are nobody's wish, so they never count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.pki.extensions import (
    AUTHORITY_KEY_IDENTIFIER,
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    SUBJECT_ALT_NAME,
    SUBJECT_KEY_IDENTIFIER,
    alt_names_in,
    basic_constraints_in,
    extended_key_usage_name,
    extended_key_usages_in,
    find_extension,
    key_usages_in,
    policies_in,
)
from runner.pki.names import comparable, same_name
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.asn1.x509 import Extension
    from runner.pki.certificates import Certificate
    from runner.pki.names import GeneralName, Name

_NAMED = (SUBJECT_ALT_NAME, KEY_USAGE, EXTENDED_KEY_USAGE)
"""Extensions that a Profile has fields for."""
_OF_THE_CA = (SUBJECT_KEY_IDENTIFIER, AUTHORITY_KEY_IDENTIFIER)


@frozen
class Profile:
    """The wishes for a certificate; an empty field means: as the CA likes."""

    subject: Name
    alt_names: tuple[GeneralName, ...] = ()
    key_usage: tuple[str, ...] = ()
    """Bit names of KeyUsage."""
    extended_key_usage: tuple[str, ...] = ()
    """Dotted object identifiers."""
    further: tuple[Extension, ...] = ()
    """Every other extension that is asked for, as it is to be."""


@frozen
class Difference:
    """One field that is not as wished: `field` for programs, `text` for people."""

    field: str
    text: str


def profile_of(certificate: Certificate) -> Profile:
    """The profile that a certificate itself fits: what an update of it asks for again."""
    usages = key_usages_in(certificate.extensions) or frozenset()
    purposes = extended_key_usages_in(certificate.extensions) or frozenset()
    return Profile(
        certificate.subject, alt_names_in(certificate.extensions), tuple(sorted(usages)), tuple(sorted(purposes))
    )


def further_extensions(extensions: Iterable[Extension]) -> tuple[Extension, ...]:
    """The extensions that a Profile has no field for, and that are not the CA's to set."""
    return tuple(e for e in extensions if e.extn_id not in (*_NAMED, *_OF_THE_CA))


def differences(profile: Profile, certificate: Certificate) -> tuple[Difference, ...]:
    """How `certificate` differs from `profile`; nothing where it fits."""
    found = (
        _subject(profile, certificate),
        _alt_names(profile, certificate),
        _key_usage(profile, certificate),
        _extended_key_usage(profile, certificate),
    )
    return (*(difference for difference in found if difference is not None), *_further(profile, certificate))


def _subject(profile: Profile, certificate: Certificate) -> Difference | None:
    if not profile.subject.text or same_name(profile.subject.der, certificate.subject.der):
        return None
    return Difference("subject", f'subject is "{certificate.subject}", not "{profile.subject}"')


def _alt_names(profile: Profile, certificate: Certificate) -> Difference | None:
    if not profile.alt_names:
        return None
    names = alt_names_in(certificate.extensions)
    if names == profile.alt_names:
        return None
    wanted = {comparable(name): str(name) for name in profile.alt_names}
    found = {comparable(name): str(name) for name in names}
    lacking = [text for name, text in wanted.items() if name not in found]
    beyond = [text for name, text in found.items() if name not in wanted]
    return _uneven("alt_names", "SAN", lacking, beyond)


def _key_usage(profile: Profile, certificate: Certificate) -> Difference | None:
    return _names("key_usage", "key usage", profile.key_usage, key_usages_in(certificate.extensions))


def _extended_key_usage(profile: Profile, certificate: Certificate) -> Difference | None:
    found = extended_key_usages_in(certificate.extensions)
    wanted = [extended_key_usage_name(oid) for oid in profile.extended_key_usage]
    named = [extended_key_usage_name(oid) for oid in found or ()]
    return _names("extended_key_usage", "extended key usage", wanted, named)


def _further(profile: Profile, certificate: Certificate) -> Iterator[Difference]:
    """Each further extension that is not there as it was asked for; whether it is critical is the CA's affair."""
    for extension in profile.further:
        found = find_extension(certificate.extensions, extension.extn_id)
        if not _SAME.get(extension.extn_id, _same_octets)(extension, certificate.extensions):
            words = "is missing" if found is None else "is not as asked"
            yield Difference(
                "extensions", f"extension {_EXTENSION_NAMES.get(extension.extn_id, extension.extn_id)} {words}"
            )


def _same_octets(asked: Extension, found: Iterable[Extension]) -> bool:
    return find_extension(found, asked.extn_id) == asked.extn_value


def _same_policies(asked: Extension, found: Iterable[Extension]) -> bool:
    """The same policies; what a CA says about them (their qualifiers) is its own."""
    return policies_in([asked]) == policies_in(found)


def _same_constraints(asked: Extension, found: Iterable[Extension]) -> bool:
    """No BasicConstraints is BasicConstraints of an end entity."""
    return basic_constraints_in([asked]) == basic_constraints_in(found)


_SAME = {CERTIFICATE_POLICIES: _same_policies, BASIC_CONSTRAINTS: _same_constraints}
_EXTENSION_NAMES = {CERTIFICATE_POLICIES: "certificatePolicies", BASIC_CONSTRAINTS: "basicConstraints"}


def _names(field: str, what: str, wanted: Iterable[str], found: Iterable[str] | None) -> Difference | None:
    wanted, found = list(wanted), list(found or ())
    if not wanted:
        return None
    return _uneven(field, what, [n for n in wanted if n not in found], [n for n in found if n not in wanted])


def _uneven(field: str, what: str, lacking: list[str], beyond: list[str]) -> Difference | None:
    words = [f"lacks {', '.join(sorted(lacking))}"] if lacking else []
    words += [f"has {', '.join(sorted(beyond))}, which was not asked for"] if beyond else []
    return Difference(field, f"{what} {' and '.join(words)}") if words else None
