"""What a request says beside the fields of a template, as the manifest has it: plain data (RFC 4211 §5 to §7).

Filled by runner.manifest.wishing; what it becomes in a message is left to runner.cmp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.values import frozen

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from runner.asn1.cmp import InfoTypeAndValue
    from runner.manifest.credentials import SecretRef
    from runner.pki.names import GeneralName


@frozen
class ValidityWish:
    """The validity that is asked for; the CA may grant another. `valid_for` counts from the request."""

    not_before: datetime | None = None
    not_after: datetime | None = None
    valid_for: timedelta | None = None

    @property
    def is_said(self) -> bool:
        """Whether anything is asked for."""
        return (self.not_before, self.not_after, self.valid_for) != (None, None, None)


ANY_TIME = ValidityWish()
"""What most entries ask for."""


@frozen
class Publication:
    """Whether and where the certificate is to be published: `please` or `dont`, a method, a place."""

    action: str
    method: str = ""
    location: GeneralName | None = None


@frozen
class Asking:
    """Controls, regInfo and generalInfo of a request. Secrets are references."""

    cert_profile: str = ""
    reg_token: SecretRef | None = None
    authenticator: SecretRef | None = None
    publication: Publication | None = None
    reg_info: tuple[tuple[str, str], ...] = ()
    """Names and values of utf8Pairs."""
    general_info: tuple[InfoTypeAndValue, ...] = ()
    old_cert_id: bool | None = None
    """Whether a kur names the certificate that it replaces; None: as the authority says."""

    @property
    def beside_template(self) -> tuple[str, ...]:
        """The keys of what only a CertRequest can carry, and a PKCS #10 request cannot."""
        said = {
            "reg_token": self.reg_token,
            "authenticator": self.authenticator,
            "publication": self.publication,
            "reg_info": self.reg_info,
        }
        return tuple(key for key, value in said.items() if value)


NO_WISHES = Asking()
"""What most entries say."""
