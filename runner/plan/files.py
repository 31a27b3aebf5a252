"""The files of a certificate that we hold, one by one: there, whole, in the format asked for, and whose they should be.

What is not as it should be is written again from the state, without a word to the CA. The last rules of reasons.py
but one. What was not looked at, or is not known, is not held against anybody.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from runner.pki.certificates import split_certificates
from runner.plan.case import Case, Decision, key_url_of
from runner.plan.facts import MISSING
from runner.plan.steps import Reason, Verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runner.manifest.placing import Output
    from runner.pki.certificates import Certificate
    from runner.state.inventory import Held


def files_amiss(case: Case[Any]) -> Decision | None:
    """Files of the pair that we hold are missing, different, in another format, or somebody else's."""
    held = case.held
    if case.present is None or held is None or held.certificate != case.present.der:
        return None
    found = tuple(amiss(case, held))
    return Decision(Verb.REINSTALL, found) if found else None


def amiss(case: Case[Any], held: Held) -> Iterator[Reason]:
    """What is wrong with each file, the most important first."""
    yield from _missing(case)
    yield from _form(case)
    yield from _contents(case, held)
    yield from _stores(case, held)
    yield from _marks(case)


def outside(case: Case[Any]) -> Iterator[Reason]:
    """What is wrong with the files of a pair of which the state knows nothing yet."""
    yield from _missing(case)
    yield from _form(case)
    yield from _marks(case)


def _missing(case: Case[Any]) -> Iterator[Reason]:
    for path in case.item.output.extras:
        if not case.facts.key(path).exists:
            yield Reason("file-missing", f"{path} is missing; it is made from what is there")


def _form(case: Case[Any]) -> Iterator[Reason]:
    output = case.item.output
    facts = case.facts.files.get(output.certificate)
    if facts and facts.form and facts.form != output.format:
        yield Reason("format", f"{output.certificate} is {facts.form.upper()}, not {output.format.upper()}")


def _contents(case: Case[Any], held: Held) -> Iterator[Reason]:
    """The CAs' files, the chains and the bundle hold the very certificates that they are made of."""
    path = (held.certificate or b"", *(each.der for each in split_certificates(held.chain)))
    anchors = [each.der for each in case.facts.anchors.get(case.item.authority, ())]
    for file, wanted in bundles(case.item.output, split_certificates(held.chain), path[0], anchors):
        facts = case.facts.files.get(file)
        if facts is None or not wanted:
            continue
        if facts is MISSING:
            if file not in case.item.output.extras:
                yield Reason("file-missing", f"{file} is missing")
        elif facts.certificates != wanted:
            yield Reason("file-different", f"{file} does not hold the certificates that belong in it")


def bundles(
    output: Output, chain: Sequence[Certificate], own: bytes, anchors: Sequence[bytes]
) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    """Each file of CA certificates, and the DER of those that belong in it; none where that is not known."""
    ders = tuple(each.der for each in chain)
    below = tuple(each.der for each in below_root(chain))
    for number, der in enumerate(ders):
        if output.prefix is not None:
            yield f"{output.prefix}-{number}.ca", (der,)
    if output.chain is not None:
        yield output.chain, below or ders
    if output.full_chain is not None:
        yield output.full_chain, (own, *below) if chain else ()
    if output.trust is not None:
        yield output.trust, tuple(dict.fromkeys(anchors))


def below_root(chain: Sequence[Certificate]) -> tuple[Certificate, ...]:
    """The CAs of a path without the root at its end: whoever trusts that has it."""
    return tuple(each for each in chain if not each.is_self_issued)


def _stores(case: Case[Any], held: Held) -> Iterator[Reason]:
    """A key store cannot be opened here; that it is the one that was written can be seen."""
    written = {path: seal for seal, _, path in (line.partition(" ") for line in held.seals.splitlines())}
    for store in case.item.output.stores:
        facts, seal = case.facts.files.get(store.path), written.get(store.path)
        if facts and facts.digest and seal and facts.digest != seal:
            yield Reason("store-different", f"{store.path} is not the key store that was written for this pair")


def _marks(case: Case[Any]) -> Iterator[Reason]:
    """Permission bits always; owner and group where the entry names them."""
    output, url = case.item.output, key_url_of(case.item)
    own = output.ownership
    yield from _marked(case, output.certificate, own.mode)
    if url is not None and url.generates and url.is_file:
        yield from _marked(case, url.path, own.key_mode)
    for path in filter(None, (output.chain, output.full_chain, output.trust)):
        yield from _marked(case, path, own.mode)
    for store in output.stores:
        yield from _marked(case, store.path, own.key_mode)


def _marked(case: Case[Any], path: str, mode: int) -> Iterator[Reason]:
    facts, own = case.facts.files.get(path), case.item.output.ownership
    if facts is None or facts.mode is None:
        return
    if facts.mode != mode:
        yield Reason("mode", f"mode is {facts.mode:04o}, not {mode:04o}: {path}")
    yield from _owned("owner", own.owner, facts.owner, path)
    yield from _owned("group", own.group, facts.group, path)


def _owned(what: str, wanted: str, found: Sequence[str], path: str) -> Iterator[Reason]:
    if wanted and found and wanted not in found:
        yield Reason(what, f"{what} is {found[-1]}, not {wanted}: {path}")


def seals_of(files: Sequence[tuple[str, bytes]]) -> str:
    """Key stores as they are written, `SHA-256 path`, one a line: for the state."""
    return "\n".join(f"{sha256(octets).hexdigest()} {path}" for path, octets in files)
