"""What an entry says of its key beside where it is: who makes it, how it is proved to be ours, who keeps a copy.

What cannot be is refused here, with the reason, before anything is made (RFC 4211 §4, §6.4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.credentials import CertificateCredential, PskCredential
from runner.values import frozen, replace

if TYPE_CHECKING:
    from runner.manifest.credentials import Credential
    from runner.manifest.model import Authority, Template
    from runner.manifest.reader import Reader
    from runner.pki.keyurls import KeyUrl


@frozen
class Care:
    """`proof` by its name in the manifest, empty where the key decides; `backup`: a copy goes along, or stays there.

    `generation`: `central` or `central-any`, where the CA makes the key.
    """

    proof: str = ""
    backup: bool = False
    generation: str = ""


_USUAL = Care()
_KEYS = frozenset({"proof_of_possession", "key_generation", "backup"})


@frozen
class Circumstances:
    """What decides whether it can be: the key, whom it goes to, who asks, and (of an enrollment) for what."""

    key: KeyUrl | None
    authority: Authority | None
    credential: Credential | None
    template: Template | None = None
    central: bool = False
    pkcs10: bool = False


def read_care(reader: Reader, given: Circumstances) -> Care:
    """`proof_of_possession`, `backup` and `key_generation`; what does not go together is noted."""
    if _KEYS.isdisjoint(reader.part.values):
        return _USUAL
    proof, generation = reader.part.text("proof_of_possession"), reader.part.text("key_generation")
    if generation is not None:
        given = replace(given, central=True)
        if refused := _not_made_there(reader, given):
            reader.ledger.error(f"key_generation: {refused[0]}", generation.place, next_step=refused[1])
    given = replace(given, pkcs10=_is_pkcs10(reader))
    if proof is not None:
        for problem in (_nothing_to_prove, _unable, _no_ra, _named):
            if told := problem(proof.value, given):
                reader.ledger.error(f"proof_of_possession: {told[0]}", proof.place, why=told[1], next_step=told[2])
    backup = reader.part.flag("backup")
    if backup and (refused := _cannot_back_up(given)):
        reader.ledger.error(f"backup: {refused[0]}", reader.part.place_of("backup"), next_step=refused[1])
    return Care(proof.value if proof else "", backup, generation.value if generation else "")


def _is_pkcs10(reader: Reader) -> bool:
    request = reader.part.text("request")
    return (request is not None and request.value == "p10cr") or "csr" in reader.part.values


def _not_made_there(reader: Reader, given: Circumstances) -> tuple[str, str] | None:
    """The key needs a place in a file; a PKCS #10 request is signed by a key that is here."""
    if _is_pkcs10(reader):
        return "a PKCS #10 request is for a key that is here", "leave csr and request: p10cr out"
    if given.key is None and ("new_key" if given.template is None else "key") in reader.part.values:
        return None  # what is wrong with it has been told
    if given.key is None:
        return "nothing says where the key is to be kept", "add key: (in updates new_key:) with generate://…"
    if not given.key.generates:
        return "the key is here already", "write generate://savetype@keytype/prefix: format and place of what comes"
    if not given.key.is_file:
        return "a key that comes cannot be put into a token", "keep it in a file"
    return None


def _nothing_to_prove(proof: str, given: Circumstances) -> tuple[str, str, str] | None:
    """POP is left out where there is no key to prove yet, and nowhere else (RFC 9483 §4.1.6)."""
    if given.central and proof != "none":
        return f"{proof} of a key that the CA makes", "there is nothing to prove", "leave proof_of_possession out"
    if not given.central and proof == "none":
        step = "leave proof_of_possession out: the key decides"
        return "none is for keys that the CA makes", "anybody could have a certificate for anybody's key", step
    return None


def _unable(proof: str, given: Circumstances) -> tuple[str, str, str] | None:
    """A key must be able to make the proof that is asked of it."""
    spec = given.key.spec if given.key else None
    if spec is None or given.central:
        return None
    signs, opens = ("it cannot sign", spec.can_sign), ("it opens nothing", spec.can_open)
    why, able = {"signature": signs, "signature-with-input": signs, "encryption": opens, "challenge": opens}.get(
        proof, ("", True)
    )
    if able:
        return None
    step = "leave proof_of_possession out: the key decides"
    return f"a key of the kind {spec} cannot be proved by {proof}", why, step


def _no_ra(proof: str, given: Circumstances) -> tuple[str, str, str] | None:
    """RaVerified is an RA's word (RFC 4211 §4): nobody else's request may bear it."""
    ours = given.credential
    if proof != "ra-verified" or (isinstance(ours, CertificateCredential | PskCredential) and ours.ra):
        return None
    step = "give a credential with ra_certificate:, or say ra: true beside the RA's psk"
    return "ra-verified takes an RA's credential", "no CA may believe anybody else who says so", step


def _named(proof: str, given: Circumstances) -> tuple[str, str, str] | None:
    """A poposkInput must be left out where the template names subject and key (RFC 4211 §4.1)."""
    named = given.template is None or given.template.subject is not None or given.template.reference is not None
    if proof != "signature-with-input" or not named:
        return None
    why = "the signature is then over the request itself (RFC 4211 §4.1)"
    return "signature-with-input is for requests that name no subject", why, "write signature"


def _cannot_back_up(given: Circumstances) -> tuple[str, str] | None:
    if given.pkcs10:
        return "a PKCS #10 request has no place for it", "ask by ir or cr"
    if given.central:
        return None
    if given.key is not None and given.key.kept == "token":
        return "a key in a token does not leave it", "keep it in a file, or leave backup out"
    authority = given.authority
    if authority is not None and authority.keeper is None and not authority.asks_keeper:
        return "nothing says whom the key is to be encrypted to", "add encryption_certificate: to the authority"
    return None
