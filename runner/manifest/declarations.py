"""The authorities, credentials and templates of a manifest: what items refer to by name.

Names are unique over all files. A declaration that cannot be read keeps its name, so that one mistake is told once
and not again at everything that refers to it.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from runner.manifest.credentialing import read_credential, read_login
from runner.manifest.dealings import read_dealings
from runner.manifest.durations import parse_duration, parse_timeout
from runner.manifest.limits import Limits
from runner.manifest.model import LAB_URL, Authority
from runner.manifest.polling import USUAL, Polling
from runner.manifest.reaching import read_reach, read_urls
from runner.manifest.reader import Reader
from runner.manifest.shared import extended
from runner.manifest.templates import check_template
from runner.manifest.wishing import read_asking
from runner.pki.keyspecs import KeySpec, parse_key_spec
from runner.values import mutable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from runner.manifest.credentials import Credential, Login
    from runner.manifest.ledger import Ledger
    from runner.manifest.parts import Part


@mutable
class Declared:
    """What items may refer to, by name; None stands for a declaration that cannot be read."""

    authorities: dict[str, Authority | None] = field(default_factory=dict)
    credentials: dict[str, Credential | None] = field(default_factory=dict)
    logins: dict[str, Login | None] = field(default_factory=dict)
    templates: dict[str, Part] = field(default_factory=dict)


def read_declarations(roots: Sequence[Part], variables: Mapping[str, str], ledger: Ledger) -> Declared:
    """All declarations of all files."""
    declared = Declared()
    for name, part in _unique(roots, "credentials", ledger):
        reader = Reader(part, variables, ledger)
        if "user" in part.values:
            declared.logins[name] = read_login(name, reader)
        else:
            declared.credentials[name] = read_credential(name, reader)
    for name, part in _unique(roots, "authorities", ledger):
        declared.authorities[name] = _authority(name, Reader(part, variables, ledger), declared)
    _check_one_lab(declared, ledger)
    templates = dict(_unique(roots, "templates", ledger))
    for part in templates.values():
        check_template(Reader(part, variables, ledger))
    declared.templates = extended(templates, ledger)
    return declared


def _check_one_lab(declared: Declared, ledger: Ledger) -> None:
    """All authorities with `url: lab:` share one CA, which behaves in one way."""
    told = {each.manners: each for each in declared.authorities.values() if each is not None and each.manners}
    for other in list(told.values())[1:]:
        first = next(iter(told.values()))
        why = f"there is one embedded lab, and {first.name} says how it behaves"
        ledger.error("lab: stands twice, and differs", other.place, why=why, next_step="give it to one of them")


def _unique(roots: Sequence[Part], section: str, ledger: Ledger) -> Iterator[tuple[str, Part]]:
    seen: dict[str, Part] = {}
    for root in roots:
        for name, part in root.named(section):
            if name in seen:
                ledger.error(f"{name!r} is in {section} twice", part.key_place, why=f"first at {seen[name].key_place}")
                continue
            seen[name] = part
            yield name, part


def _authority(name: str, reader: Reader, declared: Declared) -> Authority | None:
    part = reader.part
    urls, dealings = read_urls(reader), read_dealings(reader, declared.credentials)
    authority = Authority(
        name=name,
        place=part.key_place,
        url=urls[0] if urls else "",
        recipient=reader.name("name"),
        addressee=reader.name("recipient"),
        asking=read_asking(reader),
        manners=_manners(reader),
        certificate=reader.input("certificate"),
        trust=reader.inputs("trust"),
        crls=reader.inputs("crl"),
        trust_file=reader.target("install_trust"),
        trust_signer=_trust_signer(reader),
        keeper=reader.input("encryption_certificate") or reader.input("certificate"),
        asks_keeper=_asks_keeper(part),
        dh_certificate=reader.input("dh_certificate"),
        kem_certificate=reader.input("kem_certificate"),
        protocol_key=reader.parsed("protocol_encryption_key", _parse_protocol_key),
        version=int(part.number("version", 2)),
        credential=reader.reference("credential", declared.credentials, "credential"),
        implicit_confirm=dealings.implicit_confirm,
        server=dealings.server,
        tolerates=dealings.tolerates,
        accepts=dealings.accepts,
        answer_credential=dealings.answer_credential,
        send_extra_certs=dealings.send_extra_certs,
        message_time=dealings.message_time,
        template_version=dealings.template_version,
        limits=_limits(reader),
        reach=read_reach(reader, urls, declared.logins, dealings.server),
        polling=_polling(reader),
        batch_size=_batch_size(part),
    )
    complete = (urls or authority.reach.folder) and (
        authority.credential is not None or "credential" not in part.values
    )
    return authority if complete else None


def _trust_signer(reader: Reader) -> str | None:
    """Who may bring roots by his signature; of no use where they are put nowhere."""
    if "trust_signer" in reader.part.values and "install_trust" not in reader.part.values:
        step = "say where the roots are added: install_trust: FILE"
        reader.ledger.error("trust_signer says nothing by itself", reader.part.place_of("trust_signer"), next_step=step)
    return reader.input("trust_signer")


def _manners(reader: Reader) -> tuple[str, ...]:
    """The manners of the embedded lab CA; the schema has judged names and values."""
    inner, url = reader.part.part("lab"), reader.part.text("url")
    if inner is None:
        return ()
    if url is None or url.value != LAB_URL:
        step = "start a lab with lab serve --manner NAME=VALUE, or say url: lab:"
        reader.ledger.error("lab: is for the embedded lab CA", reader.part.place_of("lab"), next_step=step)
    return tuple(f"{name}={_word(value)}" for name, value in inner.values.items())


def _word(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parse_protocol_key(text: str) -> KeySpec:
    spec = parse_key_spec(text)
    if not spec.can_open:
        raise ValueError(f"nothing can be encrypted to a key of the kind {spec}; for example rsa:3072")
    return spec


def _asks_keeper(part: Part) -> bool:
    """Whether the CA is asked whom backups are for; the embedded lab always is."""
    url, asking = part.text("url"), part.part("encryption_certificate")
    return (asking is not None and asking.flag("ask")) or (url is not None and url.value == LAB_URL)


def _limits(reader: Reader) -> Limits:
    part = reader.part.part("limits")
    if part is None:
        return Limits()
    usual, times = Limits(), reader.elsewhere(part)
    return Limits(
        concurrency=int(part.number("concurrency", usual.concurrency)),
        messages_per_second=float(part.number("messages_per_second", usual.messages_per_second)),
        timeout=times.parsed("timeout", parse_timeout) or usual.timeout,
        retries=int(part.number("retries", usual.retries)),
        connect_timeout=times.parsed("connect_timeout", parse_timeout) or usual.connect_timeout,
        first_byte_timeout=times.parsed("first_byte_timeout", parse_timeout),
        max_answer=int(part.number("max_answer", usual.max_answer)),
    )


def _batch_size(part: Part) -> int:
    batching = part.part("batching")
    return int(batching.number("size", 1)) if batching else 1


def _polling(reader: Reader) -> Polling:
    part = reader.part.part("polling")
    if part is None:
        return USUAL
    times = reader.elsewhere(part)
    max_wait = times.parsed("max_wait", parse_duration)
    return Polling(
        max_wait=USUAL.max_wait if max_wait is None else max_wait,
        max_polls=int(part.number("max_polls", USUAL.max_polls)),
        give_up_after=times.parsed("give_up_after", parse_timeout),
    )
