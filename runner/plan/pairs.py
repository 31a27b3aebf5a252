"""The files of an enrollment: whether certificate and key are there, are a pair, and are ours.

What we hold is put back; what is not ours is never overwritten. Rules of reasons.py, in its order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.plan.case import STAGED_SUFFIX, Case, Decision, decide, key_url_of
from runner.plan.steps import Verb

if TYPE_CHECKING:
    from runner.manifest.model import Enrollment
    from runner.pki.certificates import Certificate
    from runner.pki.keyurls import KeyUrl


def foreign_key_in_the_way(case: Case[Enrollment]) -> Decision | None:
    """A key is to be generated where a key lies that we did not make."""
    key = case.key
    if not case.generates or not key.exists or key.unseen or case.present is not None:
        return None
    if owns_key(case, path := sure_key(case).path):
        return None
    return decide(
        Verb.BLOCKED,
        "key-in-the-way",
        f"{path} exists and is not ours; name it in `key:` as file:…, or move it away",
    )


def request_unreadable(case: Case[Enrollment]) -> Decision | None:
    """The PKCS #10 request that is to go out is not there, or is none."""
    if case.item.csr is None or case.request.request is not None:
        return None
    words = case.request.problem or "there is no such file"
    return decide(Verb.BLOCKED, "csr-unreadable", f"the request {case.item.csr} cannot be read: {words}")


def key_out_of_reach(case: Case[Any]) -> Decision | None:
    """The key is, or is to be, in a token that is not there, or that does not know such keys."""
    url = key_url_of(case.item)
    if url is None or url.kept != "token" or not case.facts.key(url.path).problem:
        return None
    return decide(Verb.BLOCKED, "token-out-of-reach", case.facts.key(url.path).problem)


def store_in_the_way(case: Case[Any]) -> Decision | None:
    """A key store is to be written where something lies that this item has not written."""
    ours = case.held.stores.split("\n") if case.held else []
    stores = [store.path for store in case.item.output.stores if store.path not in ours]
    taken = [path for path in stores if case.facts.key(path).exists]
    if not taken:
        return None
    return decide(Verb.BLOCKED, "store-in-the-way", f"{taken[0]} exists and is not ours; move it away")


def owns_key(case: Case[Any], path: str) -> bool:
    """Whether a key file is ours: the state names it, or holds the certificate of that very key."""
    under_way = case.open.key_path if case.open else None
    if path in (case.held and case.held.key_path, under_way) or (under_way or "").startswith(path + STAGED_SUFFIX):
        return True
    held = case.held_certificate
    return held is not None and held.public_key_info == case.facts.key(path).public_key_info


def unreadable_certificate(case: Case[Enrollment]) -> Decision | None:
    """Something lies at the certificate's path that is no certificate."""
    if not case.output.exists or case.present is not None:
        return None
    if owns_output(case):
        return restored(case, "certificate-damaged", f"the certificate file is damaged: {case.output.problem}")
    return in_the_way(case)


def owns_output(case: Case[Any]) -> bool:
    """Whether the file that the item brings about is one that it has brought about."""
    held = case.held
    if held is None or held.certificate is None:
        return False
    return case.as_done or held.certificate_path == case.item.output.certificate


def in_the_way(case: Case[Any]) -> Decision:
    """A file that is no certificate and not ours stands where the certificate is to be."""
    path = case.item.output.certificate
    return decide(Verb.BLOCKED, "file-in-the-way", f"{path} is in the way: {case.output.problem}; move it away")


def restored(case: Case[Any], code: str, text: str) -> Decision:
    """What the state holds is written again, where it is still good for the key that is there."""
    held = case.held_certificate
    if held is not None and fits_key(case, held) and held.not_after > case.now:
        return decide(Verb.REINSTALL, code, f"{text}; the state has it")
    return decide(Verb.ENROLL, code, text)


def no_certificate(case: Case[Enrollment]) -> Decision | None:
    """Nothing lies at the certificate's path."""
    if case.output.exists:
        return None
    if case.held_certificate is None:
        return decide(Verb.ENROLL, "no-certificate", "no certificate yet")
    return restored(case, "certificate-missing", "the certificate file is missing")


def no_key(case: Case[Enrollment]) -> Decision | None:
    """A certificate without its key is of no use."""
    if case.key.exists:
        return None
    return decide(Verb.ENROLL, "key-missing", "the key file is missing")


def other_key(case: Case[Enrollment]) -> Decision | None:
    """The pair on disk must be a pair. Where the state holds the certificate of this key, that is put back."""
    if fits_key(case, sure(case)):
        return None
    held = case.held_certificate
    if held is not None and fits_key(case, held):
        return restored(case, "certificate-replaced", "the certificate file is not the one for this key")
    if case.generates and not owns_key(case, path := sure_key(case).path):
        return decide(Verb.BLOCKED, "key-in-the-way", f"certificate and key do not match, and {path} is not ours")
    return decide(Verb.ENROLL, "key-mismatch", "the certificate does not match the key")


def fits_key(case: Case[Any], certificate: Certificate) -> bool:
    """Whether the key file is the certificate's. A sealed one is known by the digest that the state has of it."""
    key, held = case.key, case.held
    if key.unseen:
        return True
    if not key.sealed:
        return key.public_key_info == certificate.public_key_info
    if held is None or held.key_digest is None:
        return True
    ours = case.held_certificate
    return held.key_digest == key.digest and ours is not None and ours.public_key_info == certificate.public_key_info


def sure_key(case: Case[Any]) -> KeyUrl:
    """The key that the item makes."""
    url = key_url_of(case.item)
    if url is None:
        raise AssertionError(f"{case.item.name} makes no key")
    return url


def sure(case: Case[Any]) -> Certificate:
    """The certificate that is there; the rules before have dealt with its absence."""
    if case.present is None:
        raise AssertionError(f"the rules for {case.item.name} forgot that there may be no certificate")
    return case.present
