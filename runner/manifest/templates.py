"""What a certificate should say: the fields of a template and of the entry that uses it (CertTemplate, RFC 4211 §5).

A field that the entry has wins over the template's (Part.over); all are read with the entry's variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.model import Template
from runner.manifest.wishing import (
    EXTENSION_FIELDS,
    VALIDITY_FIELDS,
    read_constraints,
    read_extensions,
    read_policies,
    read_validity,
)
from runner.pki.extensions import EXTENDED_KEY_USAGES, KEY_USAGES, parse_extended_key_usage, parse_key_usage

if TYPE_CHECKING:
    from runner.manifest.reader import Reader

NAMED_FIELDS = ("subject", "alt_names", "key_usage", "extended_key_usage", "certificate")
FIELDS = (*NAMED_FIELDS, *EXTENSION_FIELDS, *VALIDITY_FIELDS)


def read_template(reader: Reader) -> Template:
    """The Template that a part says. Fields that cannot be read stay empty."""
    return Template(
        key_usage=reader.once("key_usage", _key_usages),
        extended_key_usage=reader.once("extended_key_usage", _extended_key_usages),
        subject=reader.name("subject"),
        alt_names=tuple(dict.fromkeys(reader.general_names("alt_names"))),
        further=(
            *reader.once("certificate_policies", read_policies),
            *reader.once("basic_constraints", read_constraints),
            *reader.once("extensions", read_extensions),
        ),
        validity=read_validity(reader),
        reference=reader.input("certificate"),
    )


def _key_usages(reader: Reader) -> tuple[str, ...]:
    usages = reader.parsed_all("key_usage", parse_key_usage, KEY_USAGES)
    return tuple(usage for usage in KEY_USAGES if usage in usages)


def _extended_key_usages(reader: Reader) -> tuple[str, ...]:
    found = reader.parsed_all("extended_key_usage", parse_extended_key_usage, EXTENDED_KEY_USAGES)
    return tuple(dict.fromkeys(found))


def check_template(reader: Reader) -> None:
    """Note what is wrong with a template even where nothing uses it: with its fields that depend on no variable."""
    values = {key: value for key, value in reader.part.values.items() if reader.constant(key)}
    read_template(reader.elsewhere(reader.part.limited(values)))
