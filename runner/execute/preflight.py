"""Before anything is sent or written: everything that a plan will read is read once, and every path is checked.

All findings come together, each at its place in the manifest. What an item of the plan will
make is not missed here.
"""

from __future__ import annotations

import os
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import BadInput, CmpBatchError, Diagnostic, Refused
from runner.execute.access import Keyring, signature_protection
from runner.execute.asking import controls
from runner.execute.reading import read_certificates, read_request
from runner.execute.spending import check_secret
from runner.keystores.ownership import numbers_of
from runner.manifest.credentials import CertificateCredential, PskCredential
from runner.manifest.model import Enrollment, Fetch, Recovery, Revocation, Update
from runner.manifest.tunnel import TunnelRequest
from runner.plan.case import key_url_of
from runner.plan.needs import relations_of
from runner.plan.steps import Verb
from runner.values import mutable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from runner.errors import Place
    from runner.keystores.folders import Folder
    from runner.keystores.keys import KeyMaker
    from runner.manifest.model import AnyItem, Authority, Document, Poll
    from runner.plan.steps import Step

    Certified = Enrollment | Update | Revocation | Recovery | Poll

_AT_WORK = frozenset(Verb) - {Verb.KEEP, Verb.BLOCKED, Verb.REINSTALL, Verb.ADOPT, Verb.FORGET}


@mutable
class Findings:
    """What stands in the way, each thing once."""

    diagnostics: dict[Diagnostic, None] = field(default_factory=dict)

    def attempt(self, place: Place, attempt: Callable[[], object]) -> None:
        """Try something; its CmpBatchError becomes a finding. Refused goes on: it is no mistake in the input."""
        try:
            attempt()
        except Refused:
            raise
        except CmpBatchError as problem:
            self.diagnostics[Diagnostic(problem.what, place, problem.why, problem.next_step)] = None

    def raise_if_any(self) -> None:
        """BadInput with all findings."""
        if self.diagnostics:
            raise BadInput("the manifest cannot be applied", diagnostics=tuple(self.diagnostics))


def preflight(
    steps: Sequence[Step], document: Document, folder: Folder, keyring: Keyring, maker: KeyMaker, findings: Findings
) -> None:
    """Look at everything that the steps will read and write; what is wrong goes into `findings`."""
    made = _Made(document)
    owners: dict[str, str] = {}
    seen: set[str] = set()
    folders: dict[str, str] = {}
    for file in document.entropy:
        findings.attempt(file.place, lambda path=file.path: maker.stir(path))  # type: ignore[misc]
    trust: set[str] = set()
    for step in steps:
        if step.verb is Verb.KEEP or isinstance(step.item, TunnelRequest):
            continue
        for key, path in _outputs(step.entry):
            findings.attempt(step.entry.at(key), lambda path=path: folder.place(path, folders))  # type: ignore[misc]
        findings.attempt(step.entry.at("hooks"), lambda item=step.entry: _hooks(item, keyring))  # type: ignore[misc]
        if step.verb in _AT_WORK:
            _passphrase(step.entry, maker, findings)
            _output(step.entry, keyring, findings)
            _inputs(step, keyring, made, findings)
            _credential(step.entry, document, keyring, made, findings, seen)
            check_secret(step, document, keyring, owners, findings)
            _controls(step, keyring, findings)
            _trust(document.authorities[step.entry.authority], folder, findings, trust)


class _Made:
    """The files that items of the manifest will make. It is looked for when somebody asks: most plans read nothing."""

    def __init__(self, document: Document) -> None:
        self._document = document

    @cached_property
    def _paths(self) -> Collection[str]:
        return relations_of(self._document).makers.keys()

    def __contains__(self, path: object) -> bool:
        return path in self._paths


def _trust(authority: Authority, folder: Folder, findings: Findings, seen: set[str]) -> None:
    """The file that roots are added to: where it may be, and that it holds certificates if it is there."""
    path = authority.trust_file
    if path is None or authority.name in seen:
        return
    seen.add(authority.name)
    findings.attempt(authority.place, lambda: folder.check(Path(path)))
    for each in (path if os.path.lexists(path) else None, authority.trust_signer):
        if each is not None:
            findings.attempt(authority.place, lambda each=each: read_certificates(each))  # type: ignore[misc]


def _hooks(item: AnyItem, keyring: Keyring) -> None:
    """Commands run where the user says so, and nowhere else."""
    if item.hooks and not keyring.secrets.commands_allowed:
        raise Refused(
            f"{item.name} has hooks, and commands are not allowed",
            why="a manifest could run anything",
            next_step="read the manifest, then allow its commands with --allow-commands",
        )


def _outputs(item: AnyItem) -> Iterator[tuple[str, str]]:
    """(key of the entry, path) of what an item writes."""
    if isinstance(item, Fetch):
        yield from (("install_trust" if path == item.trust_file else "output", path) for path in item.files)
    if isinstance(item, Revocation | Fetch):
        return
    yield "output", item.output.certificate
    yield from (("output", place) for place in item.output.extras)
    url = key_url_of(item)
    if url is not None and url.generates and url.is_file:
        yield ("key" if isinstance(item, Enrollment) else "new_key"), url.path


def _passphrase(item: AnyItem, maker: KeyMaker, findings: Findings) -> None:
    """A passphrase for the new key: a reference that leads nowhere is found before anything is sent."""
    url = key_url_of(item)
    if url is not None and url.generates and (url.passphrase or not url.is_file):
        findings.attempt(item.at("key"), lambda: maker.check_passphrase(url))


def _output(item: AnyItem, keyring: Keyring, findings: Findings) -> None:
    """Who is to own the files, and the passphrases of key stores."""
    if isinstance(item, Revocation | Fetch):
        return
    ownership, place = item.output.ownership, item.at("output")
    findings.attempt(place, lambda: numbers_of(ownership.owner, ownership.group))
    for store in item.output.stores:
        findings.attempt(place, lambda secret=store.secret: keyring.secrets.read(secret.kind, secret.value))  # type: ignore[misc]


def _inputs(step: Step, keyring: Keyring, made: _Made, findings: Findings) -> None:
    """Certificates and keys that the item names."""
    item, before = step.entry, len(findings.diagnostics)
    if isinstance(item, Fetch):
        _root(item, made, findings)
        return
    if isinstance(item, Enrollment):
        if item.template.reference is not None:
            _certificate(item.template.reference, item.at("certificate"), made, findings)
        if item.csr is not None:
            findings.attempt(item.at("csr"), lambda csr=item.csr: read_request(csr))  # type: ignore[misc]
    elif item.certificate is not None:
        _certificate(item.certificate, item.at("certificate"), made, findings)
    _keys(item, keyring, made, findings)
    if step.verb is not Verb.RESUME and len(findings.diagnostics) == before:
        _pair(item, keyring, made, findings)


def _root(item: Fetch, made: _Made, findings: Findings) -> None:
    """The root whose successor is asked for."""
    if item.root is not None:
        _certificate(item.root, item.at("root"), made, findings)


def _keys(item: Certified, keyring: Keyring, made: _Made, findings: Findings) -> None:
    """Keys that are there already, or ought to be."""
    urls = {"key": item.key, "new_key": item.new_key if isinstance(item, Update) else None}
    for key, url in urls.items():
        if url is not None and not url.generates and url.path not in made:
            findings.attempt(item.at(key), lambda url=url: keyring.key(url))  # type: ignore[misc]


def _pair(item: Certified, keyring: Keyring, made: _Made, findings: Findings) -> None:
    """A certificate that is to sign with its own key needs that very key."""
    key = item.key
    if (
        isinstance(item, Enrollment | Recovery)
        or key is None
        or item.credential is not None
        or item.certificate is None
    ):
        return
    if item.certificate not in made and key.path not in made:
        certificate = item.certificate
        findings.attempt(item.at("key"), lambda: signature_protection(read_certificates(certificate), keyring.key(key)))


def _controls(step: Step, keyring: Keyring, findings: Findings) -> None:
    """The secrets among the controls; a request that is out already takes none."""
    item = step.entry
    if not isinstance(item, Revocation | Fetch) and step.verb is not Verb.RESUME:
        findings.attempt(item.at("reg_token"), lambda: tuple(controls(item.asking, keyring.secrets)))


def _certificate(path: str, place: Place, made: _Made, findings: Findings) -> None:
    if path not in made:
        findings.attempt(place, lambda: read_certificates(path))


def _credential(
    item: AnyItem, document: Document, keyring: Keyring, made: _Made, findings: Findings, seen: set[str]
) -> None:
    """The item's credential, each one once."""
    if item.credential is None or item.credential in seen:
        return
    seen.add(item.credential)
    credential = document.credentials[item.credential]
    if isinstance(credential, PskCredential) and credential.column is not None and item.secret is not None:
        return  # each by itself: runner.execute.spending
    if isinstance(credential, CertificateCredential) and (
        credential.certificate in made or credential.key.path in made
    ):
        return
    findings.attempt(credential.place, lambda: keyring.protection(credential))
