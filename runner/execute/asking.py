"""From what the manifest asks for beside the template to what goes into messages: controls, validity, generalInfo.

Secrets among it are read here, at the last moment; SecretError where one is not there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from runner.asn1.crmf import OptionalValidity
from runner.cmp.wishes import authenticator, publication, reg_token, utf8_pairs
from runner.errors import SecretError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from runner.asn1.crmf import Control
    from runner.cmp.dialogue import Parties
    from runner.cmp.request import Order
    from runner.keystores.secrets import SecretReader
    from runner.manifest.model import SecretRef
    from runner.manifest.wishes import Asking, ValidityWish


def with_wishes(order: Order, asking: Asking, usual: Asking, secrets: SecretReader) -> Order:
    """The order with the entry's controls and regInfo. `usual` is the authority's word."""
    names_old = next((each for each in (asking.old_cert_id, usual.old_cert_id) if each is not None), True)
    reg_info = (utf8_pairs(asking.reg_info),) if asking.reg_info else ()
    return replace(order, controls=tuple(controls(asking, secrets)), reg_info=reg_info, names_old=names_old)


def controls(asking: Asking, secrets: SecretReader) -> Iterator[Control]:
    """The controls of a CertRequest (RFC 4211 §6)."""
    if asking.reg_token is not None:
        yield reg_token(_text(asking.reg_token, secrets))
    if asking.authenticator is not None:
        yield authenticator(_text(asking.authenticator, secrets))
    if asking.publication is not None:
        yield publication(asking.publication.action, asking.publication.method, asking.publication.location)


def _text(reference: SecretRef, secrets: SecretReader) -> str:
    try:
        return secrets.read(reference.kind, reference.value).reveal().decode()
    except UnicodeDecodeError:
        raise SecretError("regToken and authenticator are texts, and this secret is not UTF-8") from None


def in_header(parties: Parties, asking: Asking, usual: Asking) -> Parties:
    """Parties whose first messages bear the certProfile and the generalInfo of entry and authority."""
    own = {item.info_type for item in asking.general_info}
    further = tuple(item for item in usual.general_info if item.info_type not in own)
    profile = asking.cert_profile or usual.cert_profile
    return replace(parties, cert_profile=profile, general_info=(*asking.general_info, *further))


def validity_of(wish: ValidityWish, now: datetime) -> OptionalValidity | None:
    """The validity of a CertTemplate; a span begins with the request, or where `not_before` says."""
    if not wish.is_said:
        return None
    end = wish.not_after
    if wish.valid_for is not None:
        end = ((wish.not_before or now) + wish.valid_for).replace(microsecond=0)
    return OptionalValidity(not_before=wish.not_before, not_after=end)
