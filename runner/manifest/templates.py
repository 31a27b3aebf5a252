"""What a certificate should say: the fields of a template and of the entry that uses it (CertTemplate, RFC 4211 §5).

A field that the entry has wins over the template's; all are read with the entry's variables.
"""

from __future__ import annotations

from functools import lru_cache
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

_key_usage = lru_cache(maxsize=256)(parse_key_usage)
_extended_key_usage = lru_cache(maxsize=256)(parse_extended_key_usage)
NAMED_FIELDS = ("subject", "alt_names", "key_usage", "extended_key_usage", "certificate")
FIELDS = (*NAMED_FIELDS, *EXTENSION_FIELDS, *VALIDITY_FIELDS)


def read_template(*readers: Reader) -> Template:
    """The Template that some parts say together, the first one winning. Fields that cannot be read stay empty."""
    at = {key: _having(key, readers) for key in FIELDS}
    usages = at["key_usage"].parsed_all("key_usage", _key_usage, KEY_USAGES)
    extended = at["extended_key_usage"].parsed_all("extended_key_usage", _extended_key_usage, EXTENDED_KEY_USAGES)
    return Template(
        subject=at["subject"].name("subject"),
        alt_names=tuple(dict.fromkeys(at["alt_names"].general_names("alt_names"))),
        key_usage=tuple(usage for usage in KEY_USAGES if usage in usages),
        extended_key_usage=tuple(dict.fromkeys(extended)),
        further=(
            *read_policies(at["certificate_policies"]),
            *read_constraints(at["basic_constraints"]),
            *read_extensions(at["extensions"]),
        ),
        validity=read_validity(at.__getitem__),
        reference=at["certificate"].input("certificate"),
    )


def check_template(reader: Reader) -> None:
    """Note what is wrong with a template even where nothing uses it: with its fields that depend on no variable."""
    values = {key: value for key, value in reader.part.values.items() if reader.constant(key)}
    read_template(reader.elsewhere(reader.part.limited(values)))


def _having(key: str, readers: tuple[Reader, ...]) -> Reader:
    return next((reader for reader in readers if key in reader.part.values), readers[-1])
