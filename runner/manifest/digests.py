"""The digest of an item: what its entry asks for, and nothing else.

SHA-256 over canonical JSON (sorted keys, no blanks, nothing empty, UTF-8). Passphrases and places are left out, and
paths go in as the manifest spells them, so that neither re-ordering rows nor moving the folder changes it. When to
renew and what to wait for are not part of what is asked for.

A digest has two halves: `NAMED.PLAIN`. The first is over everything, the names of authority and credential included,
and is all that versions before this one wrote. The second is over everything but these two names, which are the
author's own and may be changed: what follows from that is decided where both manifests and state are known.
"""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from runner.manifest.model import Enrollment, Fetch, Poll, Recovery, Revocation, Update
from runner.manifest.wishes import ANY_TIME, NO_WISHES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runner.manifest.model import AnyItem, Template
    from runner.manifest.placing import Output
    from runner.manifest.wishes import Asking, ValidityWish
    from runner.pki.keyurls import KeyUrl


_BETWEEN = "."
_CANONICAL = json.JSONEncoder(ensure_ascii=False)
_ENCODED = lru_cache(maxsize=256)(_CANONICAL.encode)
"""Names of authorities, and whatever else is in every row."""


def digest_of(item: AnyItem, spellings: Mapping[str, str]) -> bytes:
    """The octets of the digest of what `item` asks for. `spellings`: absolute path → as the manifest spells it."""
    asked = _BY_KIND[type(item)](item, spellings)
    asked |= {"authority": item.authority, "credential": item.credential}
    named = plain = _object(asked)
    for key, name in (("authority", item.authority), ("credential", item.credential)):
        plain = plain.replace(f'"{key}":{_ENCODED(name)}', f'"{key}":""', 1)
    return sha256(named.encode()).digest() + sha256(plain.encode()).digest()


def named_half(digest: str) -> str:
    """SHA-256 (hex) over everything that the entry asks for."""
    return digest.partition(_BETWEEN)[0]


def is_same(then: str, now: str) -> bool:
    """Whether two digests are of one entry, word for word; an older version has written no second half."""
    return named_half(then) == named_half(now)


def asks_the_same(then: str, now: str) -> bool:
    """Whether two digests differ in the names of authority and credential alone, or not at all."""
    plain = then.partition(_BETWEEN)[2]
    return is_same(then, now) or (plain != "" and plain == now.partition(_BETWEEN)[2])


def _canonical(value: Any) -> str:
    """The JSON of a value. Of objects, what is not said is left out: a key of a later version changes no digest."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        return _object(value)
    if isinstance(value, tuple):
        return _shared_list(value)
    return f"[{','.join(map(_canonical, value))}]" if isinstance(value, list) else _CANONICAL.encode(value)


def _object(asked: Mapping[str, Any]) -> str:
    members = []
    for key in sorted(filter(asked.get, asked)):
        value = asked[key]
        text = encode_basestring(value) if isinstance(value, str) else _canonical(value)
        if text != "{}":
            members.append(f'"{key}":{text}')
    return f"{{{','.join(members)}}}"


@lru_cache(maxsize=256)
def _shared_list(values: tuple[Any, ...]) -> str:
    """Key usages, say, which are the same in every row."""
    return _canonical(list(values))


def _enrollment(item: Enrollment, spellings: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": "enrollment",
        "template": _template(item.template, spellings),
        "key": _key(item.key, spellings),
        "output": _output(item.output, spellings),
        "request": item.request,
        "proof": item.proof,
        "backup": item.backup,
        "generation": item.generation,
        "csr": spellings[item.csr] if item.csr else None,
        **_asking(item.asking),
    }


def _update(item: Update, spellings: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": "update",
        "certificate": spellings[item.certificate],
        "key": _key(item.key, spellings),
        "new_key": _key(item.new_key, spellings),
        "output": _output(item.output, spellings),
        "proof": item.proof,
        "backup": item.backup,
        "generation": item.generation,
        **_asking(item.asking),
    }


def _revocation(item: Revocation, spellings: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": "revocation",
        "certificate": spellings[item.certificate] if item.certificate else None,
        "issuer": item.issuer.text if item.issuer else None,
        "serial": item.serial,
        "key": _key(item.key, spellings),
        "reason": item.reason,
        "invalid_since": item.invalid_since.isoformat() if item.invalid_since else None,
    }


def _recovery(item: Recovery, spellings: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": "recovery",
        "template": _template(item.template, spellings),
        "certificate": spellings[item.certificate] if item.certificate else None,
        "key": _key(item.key, spellings),
        "saved": item.saved.savetype,
        "output": _output(item.output, spellings),
    }


def _fetch(item: Fetch, spellings: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": "fetch",
        "what": item.what,
        "files": [spellings[path] for path in item.files],
        "format": item.format,
        "root": spellings[item.root] if item.root else None,
        **({"about": list(item.about)} if item.about else {}),
        **_asking(item.asking),
    }


def _poll(item: Poll, spellings: Mapping[str, str]) -> dict[str, Any]:
    return {
        "kind": "poll",
        **({} if item.reference is None else {"reference": item.reference}),
        "transaction_id": item.transaction_id.hex(),
        "key": _key(item.key, spellings),
        "output": _output(item.output, spellings),
    }


_BY_KIND: dict[type, Callable[[Any, Mapping[str, str]], dict[str, Any]]] = {
    Enrollment: _enrollment,
    Update: _update,
    Revocation: _revocation,
    Recovery: _recovery,
    Fetch: _fetch,
    Poll: _poll,
}


def _asking(asking: Asking) -> dict[str, Any]:
    """Controls, regInfo and generalInfo; of secrets, that there is one."""
    if asking is NO_WISHES:
        return {}
    publication = asking.publication
    return {
        "cert_profile": asking.cert_profile,
        "reg_token": asking.reg_token is not None,
        "authenticator": asking.authenticator is not None,
        "publication": f"{publication.action} {publication.method} {publication.location}" if publication else None,
        "reg_info": asking.reg_info,
        "general_info": [f"{item.info_type} {(item.info_value or b'').hex()}" for item in asking.general_info],
        "old_cert_id": None if asking.old_cert_id is None else str(asking.old_cert_id),
    }


def _template(template: Template, spellings: Mapping[str, str]) -> dict[str, Any]:
    return {
        "subject": template.subject.text if template.subject else None,
        "alt_names": [str(name) for name in template.alt_names],
        "key_usage": template.key_usage,
        "extended_key_usage": template.extended_key_usage,
        "further": [f"{e.extn_id} {e.critical} {e.extn_value.hex()}" for e in template.further],
        "validity": {} if template.validity is ANY_TIME else _validity(template.validity),
        "reference": spellings[template.reference] if template.reference else None,
    }


def _validity(wish: ValidityWish) -> dict[str, Any]:
    return {
        "not_before": wish.not_before.isoformat() if wish.not_before else None,
        "not_after": wish.not_after.isoformat() if wish.not_after else None,
        "valid_for": wish.valid_for.total_seconds() if wish.valid_for else None,
    }


def _key(key: KeyUrl | None, spellings: Mapping[str, str]) -> str | None:
    return key.spelled(spellings[key.path]) if key else None


def _output(output: Output, spellings: Mapping[str, str]) -> dict[str, Any]:
    """What is written where; whose the files are is not part of what is asked for."""
    said: dict[str, Any] = {"format": output.format}
    for key in ("prefix", "file", "chain", "full_chain", "trust"):
        if path := getattr(output, key):
            said[key] = spellings[path]
    if output.stores:
        said["stores"] = {each.kind: f"{spellings[each.path]} {each.name} {each.profile}" for each in output.stores}
    return said
