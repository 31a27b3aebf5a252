"""Before the first message: which key, which proof, whose protection, what order. One function for each kind of item.

A key to be generated is journalled (KEYED, with its place) and then made durable there; a key that an earlier
attempt left is used again, if it is still of the kind that is asked for. While another pair is in use, the new key
waits beside it under a staging name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.cmp.framing import enveloping, hashing
from runner.cmp.proving import CHALLENGE, ENCRYPTION, OPENING
from runner.cmp.request import Order
from runner.errors import KeyStoreError
from runner.execute.access import parties, signature_protection
from runner.execute.asking import answer_secret, in_header, presented, validity_of, with_wishes
from runner.execute.central import opening, ordered, own_opener, protocol_key, with_protocol_key
from runner.execute.groundwork import Preparation, Prepared, key_for, protection_of
from runner.execute.install import place_for_new
from runner.execute.reading import read_certificates, read_request
from runner.execute.trial import before_trial
from runner.manifest.credentials import CertificateCredential
from runner.manifest.model import Enrollment, Fetch, Poll, Recovery, Revocation, Update
from runner.pki.certificates import parse_certificate
from runner.pki.names import same_name
from runner.pki.profile import profile_of
from runner.plan.case import key_url_of
from runner.plan.profiles import wanted_profile
from runner.values import replace

if TYPE_CHECKING:
    from runner.cmp.dialogue import Parties
    from runner.cmp.protection import Protection
    from runner.execute.desk import Desk
    from runner.keystores.base import StoredKey
    from runner.manifest.model import AnyItem
    from runner.pki.certificates import Certificate
    from runner.pki.keyurls import KeyUrl
    from runner.pki.names import Name
    from runner.pki.profile import Profile
    from runner.state.inventory import Open


async def prepare(preparation: Preparation) -> Prepared:
    """Read and make what the step needs. Raises KeyStoreError, SecretError, StateError; nothing was sent."""
    item = preparation.step.entry
    if isinstance(item, Enrollment):
        return await _prepare_enrollment(preparation, item)
    if isinstance(item, Update):
        return await _prepare_update(preparation, item)
    if isinstance(item, Recovery):
        from runner.execute.recovering import prepare_recovery  # noqa: PLC0415 - few plans have one

        return await prepare_recovery(preparation, item)
    if isinstance(item, Poll):
        return _prepare_poll(preparation, item)
    if isinstance(item, Fetch):
        return _prepare_fetch(preparation, item)
    return _prepare_revocation(preparation, item)


def _prepare_fetch(preparation: Preparation, item: Fetch) -> Prepared:
    from runner.execute.fetch import question  # noqa: PLC0415 - few plans have a question

    order = question(item, preparation.desk.access(item.authority))
    return Prepared(order, _parties(preparation, item, protection_of(preparation.desk, item)))


def _prepare_poll(preparation: Preparation, item: Poll) -> Prepared:
    """Of the request that is pending, its id is known, and perhaps its key."""
    key = None if item.key is None else preparation.desk.load_key(item.key)
    order = Order("pollReq", public_key_info=key.public_key_info if key else b"", transaction_id=item.transaction_id)
    both = _parties(preparation, item, protection_of(preparation.desk, item), order=order)
    if key is not None:
        both = replace(both, opener=key.opener)
    reference = "" if item.reference is None else f"tcp:{item.reference:08x}"
    return Prepared(order, both, key, item.key.path if item.key else None, reference=reference)


async def _prepare_enrollment(preparation: Preparation, item: Enrollment) -> Prepared:
    if item.csr is not None:
        return _prepare_csr(preparation, item, item.csr)
    if item.key is None:
        raise AssertionError(f"{item.name} has neither key nor csr")
    validity = validity_of(item.template.validity, preparation.desk.clock.now())
    if preparation.step.request == "kur":
        old = Update(
            name=item.name,
            place=item.place,
            authority=item.authority,
            certificate=item.output.certificate,
            key=item.key,
            new_key=item.key if item.key.generates else None,
            output=item.output,
            proof=item.proof,
            backup=item.backup,
            generation=item.generation,
            asking=item.asking,
        )
        prepared = await _prepare_update(preparation, old)
        return replace(prepared, order=replace(prepared.order, validity=validity))
    ours = protection_of(preparation.desk, item)
    wanted = None if preparation.changed else _wanted(item)
    if item.generation:
        order = _with_wishes(preparation, item, Order(preparation.step.request, wanted, validity=validity))
        return await _made_by_ca(preparation, item, item.key, Prepared(order, _parties(preparation, item, ours)))
    key, key_now = await key_for(preparation, item.key)
    order = Order(preparation.step.request, wanted, key.public_key_info, item.proof, validity)
    order = _with_wishes(preparation, item, order)
    return await _whole(preparation, item, Prepared(order, _parties(preparation, item, ours, key, order), key, key_now))


def _prepare_csr(preparation: Preparation, item: Enrollment, csr: str) -> Prepared:
    """A PKCS #10 request goes out as it is; its key may be somebody else's."""
    request = read_request(csr)
    key = None if item.key is None else preparation.desk.load_key(item.key)
    if key is not None and key.public_key_info != request.public_key_info:
        raise KeyStoreError(
            f"{csr} is not a request for the key {key.path}",
            why="their public keys differ",
            next_step="name the request and the key that belong together",
        )
    wanted = None if preparation.changed else request.profile
    order = Order("p10cr", wanted, request.public_key_info, csr=request.der)
    return Prepared(
        order,
        _parties(preparation, item, protection_of(preparation.desk, item), order=order),
        key,
        item.key.path if item.key else None,
    )


def _is_sealed(before: Open | None) -> bool:
    """Whether the request that is out held secrets, which have to be put back before it can be repeated."""
    return before is not None and '"sealed":' in before.dialogue


def _with_wishes(preparation: Preparation, item: Enrollment | Update, order: Order) -> Order:
    """The order with the controls that the entry asks for; one that is out already takes a secret to be repeated."""
    if order.kind == "p10cr" or (preparation.resumed and not _is_sealed(preparation.before)):
        return order
    authority = preparation.desk.access(item.authority).authority
    return with_wishes(order, item.asking, authority, preparation.desk.keyring.secrets)


def _wanted(item: Enrollment) -> Profile:
    reference = item.template.reference
    return wanted_profile(item.template, None if reference is None else read_certificates(reference)[0])


async def _prepare_update(preparation: Preparation, item: Update) -> Prepared:
    """A kur is signed with the certificate that it updates, unless the entry names another credential."""
    at = before_trial if preparation.resumed else str
    chain, old_key = read_certificates(at(item.certificate)), preparation.desk.load_key(item.key, at(item.key.path))
    if item.credential is None:
        ours: Protection = signature_protection(chain, old_key)
    else:
        ours = protection_of(preparation.desk, item)
    key, key_now = old_key, item.key.path
    if item.generation and item.new_key is not None:
        order = Order("kur", None if preparation.changed else profile_of(chain[0]), certificate=chain[0])
        prepared = Prepared(_with_wishes(preparation, item, order), _parties(preparation, item, ours), old_key)
        return await _made_by_ca(preparation, item, item.new_key, prepared)
    if item.new_key is not None:
        key, key_now = await key_for(preparation, item.new_key)
    wanted = None if preparation.changed else profile_of(chain[0])
    order = Order("kur", wanted, key.public_key_info, proof=item.proof, certificate=chain[0])
    order = _with_wishes(preparation, item, order)
    return await _whole(preparation, item, Prepared(order, _parties(preparation, item, ours, key, order), key, key_now))


async def _made_by_ca(preparation: Preparation, item: Enrollment | Update, url: KeyUrl, prepared: Prepared) -> Prepared:
    """With a place for the key that will come, and with what opens it; `prepared.key` is an update's old one."""
    desk, before = preparation.desk, preparation.before
    if preparation.resumed and before is not None and before.key_path is not None:
        place = before.key_path
    else:
        place = place_for_new(url.path)
        await preparation.keyed(place)
    order = ordered(prepared.order, item, url, any_kind=preparation.changed)
    spec = desk.access(item.authority).authority.protocol_key
    if spec is not None:
        own = await protocol_key(desk, url, place, spec)
        return Prepared(
            with_protocol_key(order, own), opening(prepared.parties, own.opener, enveloped=False), None, place
        )
    credential = desk.document.credentials.get(item.credential or "")
    signing = desk.load_key(credential.key) if isinstance(credential, CertificateCredential) else prepared.key
    opener = own_opener(prepared.parties, signing)
    return Prepared(order, opening(prepared.parties, opener, enveloped=True), None, place)


async def _whole(preparation: Preparation, item: Enrollment | Update, prepared: Prepared) -> Prepared:
    """With a key that can do what is asked of it, and its backup in the request."""
    key = prepared.key
    if key is not None and key.opener is None and (key.signer is None or prepared.order.proof in OPENING):
        raise KeyStoreError(f"the key {key.path} cannot prove itself by opening what is encrypted to it")
    if not item.backup or preparation.resumed or prepared.key_now is None:
        return prepared
    url = key_url_of(item)
    if url is None:
        raise AssertionError(f"{item.name} has no key to back up")
    url = replace(url, path=prepared.key_now)
    from runner.execute.backup import back_up  # noqa: PLC0415 - few items have one

    kept = await back_up(
        preparation.desk, preparation.desk.access(item.authority), prepared.parties, url, prepared.order
    )
    order = replace(prepared.order, controls=(*prepared.order.controls, kept.control))
    return replace(prepared, order=order, remarks=(*prepared.remarks, kept.remark))


def _prepare_revocation(preparation: Preparation, item: Revocation) -> Prepared:
    """An rr is protected by the credential, or signed with the very key of the certificate."""
    certificate = _to_revoke(preparation.desk, item)
    if item.credential is None and item.key is not None and certificate is not None:
        ours: Protection = signature_protection((certificate,), preparation.desk.load_key(item.key))
    else:
        ours = protection_of(preparation.desk, item)
    order = Order(
        "rr",
        certificate=certificate,
        issuer=item.issuer,
        serial=item.serial or 0,
        reason=item.reason,
        invalid_since=item.invalid_since,
    )
    return Prepared(order, _parties(preparation, item, ours, order=order))


def _to_revoke(desk: Desk, item: Revocation) -> Certificate | None:
    """The certificate that the plan saw: an item before may have put another into the file meanwhile.

    Of a number, the one that we hold with it, so that what is revoked is known; None where we hold none.
    """
    if item.certificate is not None:
        return desk.facts.certificate(item.certificate).certificate or read_certificates(item.certificate)[0]
    held = (parse_certificate(held.certificate) for held in desk.inventory.held.values() if held.certificate)
    return next((each for each in held if each.serial == item.serial and _issued_by(each, item.issuer)), None)


def _issued_by(certificate: Certificate, issuer: Name | None) -> bool:
    return issuer is not None and same_name(certificate.issuer.der, issuer.der)


def _parties(
    preparation: Preparation,
    item: AnyItem,
    ours: Protection,
    key: StoredKey | None = None,
    order: Order | None = None,
) -> Parties:
    """We and the CA. Where an EnvelopedData or hashAlg may come, CMP 2021 is spoken from the first message on (§7)."""
    desk, access = preparation.desk, preparation.desk.access(item.authority)
    credential = desk.document.credentials.get(item.credential or "")
    both = parties(access, ours, answer_secret(desk, access.authority))
    both = presented(both, credential, access.authority.server, order)
    if not isinstance(item, Revocation):
        both = in_header(both, item.asking, access.authority.asking)
    if isinstance(item, Enrollment | Update):
        both = hashing(both)
    if key is None or order is None:
        return both
    envelopes = key.signer is None or order.proof == ENCRYPTION or (order.proof == CHALLENGE and key.spec.kind != "rsa")
    return replace(both, opener=key.opener, pvno=enveloping(both) if envelopes else both.pvno)
