"""From a template to the Profile of a certificate: the reference certificate first, the fields above it win."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.pki.names import Name, parse_name
from runner.pki.profile import Profile, profile_of

if TYPE_CHECKING:
    from runner.manifest.model import Template
    from runner.pki.certificates import Certificate


def wanted_profile(template: Template, reference: Certificate | None) -> Profile:
    """What an enrollment asks for. `reference` is the certificate that `template.reference` names, once it is there."""
    base = Profile(_nobody()) if reference is None else profile_of(reference)
    return Profile(
        subject=template.subject or base.subject,
        alt_names=template.alt_names or base.alt_names,
        key_usage=template.key_usage or base.key_usage,
        extended_key_usage=template.extended_key_usage or base.extended_key_usage,
        further=template.further,
    )


def _nobody() -> Name:
    return parse_name("")
