"""What the RA changes in a request: fills in what it leaves open, replaces what it may not choose itself.

The tool that this one replaces did so in TUNNEL. The proof in a changed request no longer covers it:
the RA, which has verified it, says raVerified instead (RFC 9483 §5.2.3.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.asn1.crmf import CertReqMsg, CertRequest, CertTemplate
from runner.asn1.structures import Chosen
from runner.pki.extensions import extended_key_usage, extended_key_usage_name, key_usage, subject_alt_name
from runner.pki.names import Name
from runner.ra.asked import only_request
from runner.values import frozen, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runner.asn1.x509 import Extension
    from runner.pki.names import GeneralName
    from runner.ra.asked import Asked
    from runner.ra.reading import Submission


@frozen
class Wishes:
    """Fields of a request that the RA has a word in; an empty one is left alone."""

    subject: Name | None = None
    alt_names: tuple[GeneralName, ...] = ()
    key_usage: tuple[str, ...] = ()
    extended_key_usage: tuple[str, ...] = ()


@frozen
class Amendment:
    """`defaults` are taken where a request says nothing, `override` whatever it says."""

    defaults: Wishes = Wishes()
    override: Wishes = Wishes()


@frozen
class Change:
    """A field that goes to the CA otherwise than it came, in words."""

    field: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.field}: {self.old or 'none'} → {self.new}"


def amended(asked: Asked, amendment: Amendment) -> Asked:
    """What the CA will be asked for."""
    fields: dict[str, object] = {}
    for name, is_open in _FIELDS.items():
        override, default = getattr(amendment.override, name), getattr(amendment.defaults, name)
        if override:
            fields[name] = override
        elif default and is_open(asked):
            fields[name] = default
    return replace(asked, **fields)  # type: ignore[arg-type]


_FIELDS: dict[str, Callable[[Asked], bool]] = {
    "subject": lambda asked: not asked.subject.text,
    "alt_names": lambda asked: not asked.alt_names,
    "key_usage": lambda asked: not asked.key_usage,
    "extended_key_usage": lambda asked: not asked.extended_key_usage,
}
"""A field, and whether a request leaves it open."""


def changes(old: Asked, new: Asked) -> tuple[Change, ...]:
    """What the RA changes, old and new."""
    found = (Change(field, told(getattr(old, field)), told(getattr(new, field))) for field in _FIELDS)
    return tuple(change for change in found if change.old != change.new)


def told(value: Name | Iterable[object]) -> str:
    """A field in words."""
    if isinstance(value, Name):
        return value.text
    return ", ".join(extended_key_usage_name(str(each)) for each in value)


def amended_body(submission: Submission, new: Asked, kind: str) -> Chosen:
    """The request with `new` in it and raVerified for its proof.

    A PKCS #10 request, which cannot be changed without its key, becomes a CertReqMsg of the kind `kind`.
    """
    if submission.innermost.body.name == "p10cr":
        blank = CertTemplate(public_key=new.public_key_info)
        return Chosen(kind, (_message(CertReqMsg(cert_req=CertRequest(cert_req_id=0, cert_template=blank)), new),))
    return Chosen(submission.innermost.body.name, (_message(only_request(submission), new),))


def _message(message: CertReqMsg, new: Asked) -> CertReqMsg:
    template = replace(message.cert_req.cert_template, subject=new.subject.der, extensions=_extensions(new))
    request = replace(message.cert_req, cert_template=template)
    return replace(message, cert_req=request, popo=Chosen("raVerified", None))


def vouched(submission: Submission) -> Chosen:
    """The same request with raVerified for its proof."""
    message = replace(only_request(submission), popo=Chosen("raVerified", None))
    return Chosen(submission.innermost.body.name, (message,))


def _extensions(new: Asked) -> tuple[Extension, ...]:
    found = [subject_alt_name(new.alt_names, critical=not new.subject.text)] if new.alt_names else []
    found += [key_usage(new.key_usage)] if new.key_usage else []
    found += [extended_key_usage(new.extended_key_usage)] if new.extended_key_usage else []
    return (*found, *new.further)
