"""What a manifest says, once read: frozen data, nothing left to look up but files and secrets.

Items are what will be planned and executed; each knows where it was written. Paths are resolved against the
manifest's folder. Secrets are references; a literal one is kept out of every repr. Filled by runner.manifest.resolve.
"""

from __future__ import annotations

from dataclasses import field
from types import MappingProxyType
from typing import TYPE_CHECKING

from runner.manifest.calendar import AT_ONCE
from runner.manifest.hooks import NO_HOOKS, Hooks
from runner.manifest.limits import Limits
from runner.manifest.polling import USUAL
from runner.manifest.reach import Reach
from runner.manifest.rollout import ALL_AT_ONCE
from runner.manifest.wishes import ANY_TIME, NO_WISHES, Asking, ValidityWish
from runner.pki.servers import STRICT
from runner.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from runner.asn1.x509 import Extension
    from runner.errors import Diagnostic, Place
    from runner.manifest.calendar import Renewal
    from runner.manifest.credentials import Credential, Login, SecretRef
    from runner.manifest.entropy import EntropyFile
    from runner.manifest.placing import Output, RenewBefore
    from runner.manifest.policy import Policy
    from runner.manifest.polling import Polling
    from runner.manifest.rollout import Strategy
    from runner.manifest.tunnel import Tunnel
    from runner.pki.keyspecs import KeySpec
    from runner.pki.keyurls import KeyUrl
    from runner.pki.names import GeneralName, Name
    from runner.pki.servers import ServerProfile, Tolerance

NO_LABELS: Mapping[str, str] = MappingProxyType({})
"""Of items without labels."""
LAB_URL = "lab:"
"""The URL of the embedded lab CA."""
BOTH_KINDS = frozenset({"mac", "signature"})
"""The kinds of protection."""


@frozen
class Authority:
    """A CA (or RA) that we talk to."""

    name: str
    place: Place
    url: str
    recipient: Name | None = None
    """The CA's DN as the manifest gives it (`name:`); otherwise the subject of `certificate`."""
    addressee: Name | None = None
    """Whom messages are addressed to where that is not the CA itself (`recipient:`)."""
    asking: Asking = NO_WISHES
    """certProfile, generalInfo and oldCertID for all requests that do not say their own."""
    manners: tuple[str, ...] = ()
    """How the embedded lab CA behaves: `name=value` each (`lab:`)."""
    certificate: str | None = None
    trust: tuple[str, ...] = ()
    trust_file: str | None = None
    """Where roots are added that an ip brings in caPubs (`install_trust:`); None: nowhere."""
    trust_signer: str | None = None
    """The certificate (a path) whose signature may bring roots, beside a MAC under our own secret."""
    crls: tuple[str, ...] = ()
    """Files with CRLs that plans look certificates up in; nothing is fetched."""
    keeper: str | None = None
    """The certificate (a path) that backups of private keys are encrypted to."""
    asks_keeper: bool = False
    """Whether the CA is asked for that certificate (caProtEncCert)."""
    dh_certificate: str | None = None
    kem_certificate: str | None = None
    """Paths: the CA's certificates for DHBasedMac, and of its KEM key."""
    protocol_key: KeySpec | None = None
    """The kind of key that is made for each operation, for private keys to be encrypted to (protocolEncrKey)."""
    version: int = 2
    credential: str | None = None
    implicit_confirm: bool = False
    server: ServerProfile = STRICT
    """What is known of the server behind it (`profile:`)."""
    tolerates: frozenset[Tolerance] = frozenset()
    """The profile's tolerances, and those that the manifest names."""
    accepts: frozenset[str] = BOTH_KINDS
    """The kinds of protection that answers may bear."""
    answer_credential: str | None = None
    """The shared secret that answers to signed requests may be protected with."""
    send_extra_certs: str = "always"
    message_time: bool = True
    template_version: bool = False
    limits: Limits = Limits()
    reach: Reach = field(default_factory=Reach)
    polling: Polling = USUAL
    batch_size: int = 1
    """How many requests may share a message (`batching:`)."""

    @property
    def is_lab(self) -> bool:
        """Whether this is the embedded lab CA."""
        return self.url == LAB_URL


@frozen
class Template:
    """What the certificate should say (CertTemplate, RFC 4211 §5). `reference`: a certificate for the rest."""

    subject: Name | None = None
    alt_names: tuple[GeneralName, ...] = ()
    key_usage: tuple[str, ...] = ()
    """Bit names of RFC 5280 §4.2.1.3, in the standard's spelling and order."""
    extended_key_usage: tuple[str, ...] = ()
    """Dotted OIDs."""
    further: tuple[Extension, ...] = ()
    """Every other extension, as it is to be."""
    validity: ValidityWish = ANY_TIME
    reference: str | None = None


@frozen(kw_only=True)
class Item:
    """What all items share. `places` says where each key of the entry was written."""

    name: str
    place: Place
    authority: str
    credential: str | None = None
    depends_on: tuple[str, ...] = ()
    on_remove: str = "keep"
    """What --prune does once the entry is gone: `revoke`, `forget` or `keep`."""
    asked: bytes | str = field(default="", repr=False)
    """The octets of the digest: plans hold thousands. As text where a state has it."""
    places: Mapping[str, Place] = field(default_factory=dict, compare=False, repr=False)
    hooks: Hooks = NO_HOOKS
    labels: Mapping[str, str] = field(default_factory=lambda: NO_LABELS, hash=False)
    """Words of the user's own, to choose items by (--target label=value); they ask for nothing."""
    secret: SecretRef | None = field(default=None, repr=False)
    """Where its own one-time secret is, of a credential that has one for each item."""

    @property
    def digest(self) -> str:
        """What identifies what the entry asks for; no secret and no place goes into it (runner.manifest.digests)."""
        return self.asked if isinstance(self.asked, str) else f"{self.asked[:32].hex()}.{self.asked[32:].hex()}"

    def at(self, key: str) -> Place:
        """Where `key` of this entry was written; the entry itself where it was not."""
        return self.places.get(key, self.place)


@frozen(kw_only=True)
class Enrollment(Item):
    """This certificate should exist. `csr` is a PKCS #10 request that says it all; its key may be somebody else's."""

    template: Template
    key: KeyUrl | None
    csr: str | None = None
    output: Output
    renew_before: RenewBefore | None = None
    renewal: Renewal = AT_ONCE
    request: str = ""
    """`ir`, `cr` or `p10cr`; empty: follows from the credential."""
    asking: Asking = NO_WISHES
    held_back: bool = False
    """CertConf waits until the files are in their places and `hooks.verify` is content (`commit: after-install`)."""
    proof: str = ""
    """A proof-of-possession by its name in the manifest; empty: a signature, by keys that can make one."""
    backup: bool = False
    """The private key goes along, encrypted to the authority's keeper; of one that the CA makes, it keeps a copy."""
    generation: str = ""
    """`central`: the CA makes the key, of the kind that `key` names; `central-any`: of any kind."""


@frozen(kw_only=True)
class Update(Item):
    """Update this certificate once (kur); with `new_key` the key changes too."""

    certificate: str
    key: KeyUrl
    new_key: KeyUrl | None = None
    output: Output
    held_back: bool = False
    """CertConf waits until the files are in their places and `hooks.verify` is content (`commit: after-install`)."""
    proof: str = ""
    backup: bool = False
    generation: str = ""
    asking: Asking = NO_WISHES


@frozen(kw_only=True)
class Revocation(Item):
    """Revoke this certificate (rr): the one in a file, or that of an `issuer` and a `serial`.

    `reason` is a CRLReason name (RFC 5280 §5.3.1), `invalid_since` the invalidityDate (§5.3.2).
    """

    certificate: str | None
    issuer: Name | None = None
    serial: int | None = None
    reason: str = "unspecified"
    invalid_since: datetime | None = None
    key: KeyUrl | None = None
    """The certificate's own key, to sign the request with where there is no credential."""


@frozen(kw_only=True)
class Recovery(Item):
    """Fetch private keys that the CA keeps (krr): those of whom `template`, or a `certificate` (a path), names."""

    template: Template
    certificate: str | None = None
    key: KeyUrl | None = None
    """A new key that is to be certified with it (newSigCert), where the manifest says `new_key`."""
    saved: KeyUrl
    """How each recovered key is kept: format and passphrase; its path is not used."""
    output: Output
    asking: Asking = NO_WISHES


@frozen(kw_only=True)
class Fetch(Item):
    """Ask the CA for what is issued to nobody (genm): its certificates, a new root, CRLs, what it can do.

    `what` is one of runner.cmp.questions. `file`: where it is written; `trust_file`: where a new root that an old one
    vouches for is added; `root`: the one whose successor is asked for; `refresh`: ask again after so long; `about`: a
    key's algorithm, or languages.
    """

    what: str
    file: str | None = None
    format: str = "pem"
    root: str | None = None
    trust_file: str | None = None
    refresh: timedelta | None = None
    about: tuple[str, ...] = ()
    asking: Asking = NO_WISHES

    @property
    def files(self) -> tuple[str, ...]:
        """Everything that it writes."""
        return tuple(path for path in (self.file, self.trust_file) if path is not None)


@frozen(kw_only=True)
class Poll(Item):
    """Ask again for a certificate whose request another tool left pending under a `transaction_id`.

    Or under a `reference` of CMP over TCP. `key` is the private key that it is for, where the manifest says it.
    """

    transaction_id: bytes = b""
    reference: int | None = None
    output: Output
    key: KeyUrl | None = None
    certificate: None = None
    asking: Asking = NO_WISHES


AnyItem = Enrollment | Update | Revocation | Recovery | Fetch | Poll


@frozen
class Document:
    """Everything the manifests say. `base` is the folder that relative paths start from and results stay below."""

    name: str
    base: str
    authorities: Mapping[str, Authority]
    credentials: Mapping[str, Credential]
    items: Sequence[AnyItem]
    warnings: tuple[Diagnostic, ...] = ()
    logins: Mapping[str, Login] = field(default_factory=dict)
    policy: Policy | None = None
    entropy: tuple[EntropyFile, ...] = ()
    """Files that are mixed into the generation of keys (-N), beside the system's own source."""
    strategy: Strategy = ALL_AT_ONCE
    """How the plan is rolled out."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Each file that was read, and SHA-256 (hex) of it."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """The same of tables of for_each, without their secrets, and of files of variables."""
    tunnels: tuple[Tunnel, ...] = ()
