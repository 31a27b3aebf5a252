"""A certReqTemplate as the template that an operator would write (RFC 9810 §5.3.19.16; RFC 9483 §4.3.3).

Empty values mean "fill in": they become ${name}. What is not understood is told in a comment.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.crmf import OptionalValidity
from runner.asn1.primitives import INTEGER
from runner.asn1.structures import decode
from runner.asn1.x509 import NULL_DN
from runner.errors import Malformed
from runner.pki.extensions import (
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    alt_names_in,
    basic_constraints_in,
    extended_key_usage_name,
    extended_key_usages_in,
    key_usages_in,
    policies_in,
)
from runner.pki.names import name_from_der
from runner.pki.profile import further_extensions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runner.asn1.crmf import CertTemplate, Control
    from runner.asn1.infotypes import CertReqTemplateContent
    from runner.asn1.x509 import Extension

_ALG_ID, _RSA_KEY_LEN = "1.3.6.1.5.5.7.5.1.11", "1.3.6.1.5.5.7.5.1.12"
PLACE = "${name}"
"""What stands for a value that is to be filled in."""
_OWN_KEYS = (CERTIFICATE_POLICIES, BASIC_CONSTRAINTS)


def template_text(name: str, content: CertReqTemplateContent) -> str:
    """The section `templates` of a manifest, with one template of that name."""
    lines = [f"    {line}\n" for line in (*_fields(content.cert_template), *_key_specs(content.key_spec))]
    return f"# what the CA wants in requests\ntemplates:\n  {name}:\n{''.join(lines) or '    {}'}"


def _fields(template: CertTemplate) -> Iterator[str]:
    if template.subject is not None:
        yield f"subject: {_quoted(_subject(template.subject))}"
    extensions = template.extensions
    if alt_names := alt_names_in(extensions):
        yield f"alt_names: {_listed(f'{each.kind}={each.text or PLACE}' for each in alt_names)}"
    if usages := key_usages_in(extensions):
        yield f"key_usage: {_listed(sorted(usages))}"
    if purposes := extended_key_usages_in(extensions):
        yield f"extended_key_usage: {_listed(extended_key_usage_name(oid) for oid in sorted(purposes))}"
    yield from _further(extensions)
    if template.validity is not None:
        yield from _validity(decode(OptionalValidity, template.validity))


def _subject(der: bytes) -> str:
    """The name, with a place for each value that is to be filled in."""
    if der == NULL_DN:
        return f"CN={PLACE}"
    parts = name_from_der(der).text.split(", ")
    return ", ".join(f"{part}{PLACE}" if part.endswith("=") else part for part in parts)


def _further(extensions: tuple[Extension, ...]) -> Iterator[str]:
    if policies := policies_in(extensions):
        yield f"certificate_policies: {_listed(sorted(policies))}"
    constraints = basic_constraints_in(extensions)
    if constraints.ca:
        length = constraints.path_len_constraint
        yield f"basic_constraints: {{ca: true{'' if length is None else f', path_length: {length}'}}}"
    others = [each for each in further_extensions(extensions) if each.extn_id not in _OWN_KEYS]
    if others:
        yield f"extensions: {{{', '.join(map(_raw, others))}}}"


def _raw(extension: Extension) -> str:
    return f'{extension.extn_id}: {{der: "{extension.extn_value.hex()}", critical: {json.dumps(extension.critical)}}}'


def _validity(wish: OptionalValidity) -> Iterator[str]:
    if wish.not_before is not None:
        yield f"not_before: {wish.not_before:%Y-%m-%dT%H:%M:%SZ}"
    if wish.not_after is not None:
        yield f"not_after: {wish.not_after:%Y-%m-%dT%H:%M:%SZ}"


def _key_specs(controls: Iterable[Control]) -> Iterator[str]:
    """The keys that the CA takes, as comments: a key is named in the entry. Siemens puts lengths under algId."""
    for control in controls:
        yield f"# key: {_key_spec(control)}"


def _key_spec(control: Control) -> str:
    if control.type not in (_ALG_ID, _RSA_KEY_LEN):
        return f"by the control {control.type}"
    try:
        return f"rsa:{INTEGER.decode(control.value)}"
    except Malformed:
        pass
    try:
        return f"of the algorithm {decode(AlgorithmIdentifier, control.value).algorithm}"
    except Malformed:
        return f"by the control {control.type}"


def _listed(words: Iterable[str]) -> str:
    return f"[{', '.join(map(_quoted, words))}]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
