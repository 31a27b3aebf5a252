"""A command line of ssh-cmpclient-g3 to the same thing as a manifest, with comments for what has no meaning any more.

Secrets become references to environment variables, unless their literals are asked for; the manifest says which
variable wants what. Reading the line is done by runner.manifest.oldline, the YAML is put down here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from runner.errors import BadInput
from runner.manifest.oldtemplate import name_of, template_of
from runner.manifest.yamltext import block, quoted
from runner.pki.keyurls import parse_key_url

if TYPE_CHECKING:
    from runner.manifest.oldline import OldLine

PSK_VARIABLE = "CMP_PSK"
OLD_ITERATIONS = 1024
"""Of the old tool, where -i did not say."""
_ITERATIONS = (100, 100_000)
_NAME = re.compile(r"[^A-Za-z0-9._@+-]+")


@dataclass(slots=True)
class Conversion:
    """A manifest as it grows: `secrets` says which variables are needed for what, `notes` what else is to be said."""

    line: OldLine
    literal: bool = False
    secrets: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def key(self, letter: str) -> str:
        """The key URL of an option, its passphrase a reference."""
        text = self.line.value(letter)
        try:
            url = parse_key_url(text)
        except ValueError as problem:
            raise BadInput(f"-{letter}: {problem}", next_step=getattr(problem, "next_step", "")) from None
        if url.passphrase and not self.literal and not url.passphrase.startswith("${"):
            variable = {"k": "SIGNING_KEY_PASSPHRASE", "P": "KEY_PASSPHRASE"}[letter]
            self.secrets[variable] = f"the passphrase in -{letter}"
            url = replace(url, passphrase=f"${{env:{variable}}}")
        return url.revealed() if url.passphrase else str(url)


def converted(line: OldLine, *, literal: bool = False) -> str:
    """The manifest, as YAML. `literal`: secrets stand in it as they were given. BadInput where it cannot be said."""
    work = Conversion(line, literal)
    body: dict[str, Any] = {"apiVersion": "cmp-batch/v1", "authorities": {"ca": _authority(work)}}
    if credential := _credential(work):
        body["credentials"] = {"us": credential}
    if line.said("N"):
        body["entropy"] = line.options["N"]
    body |= _SECTIONS[line.command](work)
    _say_the_rest(work)
    return "\n".join([*_head(work), *block(body, 0), ""])


def _head(work: Conversion) -> list[str]:
    lines = [f"# Made by `cmp-batch convert` from ssh-cmpclient-g3 {work.line.command}."]
    lines += [f"# {name} in the environment of apply: {what}." for name, what in work.secrets.items()]
    return [*lines, *(f"# {note}" for note in work.notes)]


def _authority(work: Conversion) -> dict[str, Any]:
    line = work.line
    authority: dict[str, Any] = {"url": line.url}
    if line.said("C"):
        authority |= {"certificate": line.value("C"), "trust": [line.value("C")]}
    authority |= _ca_name(work)
    if not line.said("C") and (line.said("c") or line.said("R")):
        authority["trust"] = ["ca.pem"]
        work.notes.append(
            "Signed requests get signed answers: put the CA's certificate into ca.pem, to believe them by."
        )
    authority |= _proxy(work)
    authority |= _version(line)
    return authority


def _ca_name(work: Conversion) -> dict[str, str]:
    line = work.line
    if line.name and not line.said("C"):
        return {"name": name_of(line.name, "the CA's name")}
    if line.name:
        work.notes.append(f"The CA's name {quoted(line.name)} was given beside -C: the certificate says it.")
    elif not line.said("C"):
        work.notes.append("Neither -C nor the CA's name was given: add certificate: or name: to the authority.")
    return {}


def _proxy(work: Conversion) -> dict[str, str]:
    line = work.line
    if line.said("S") and line.said("H"):
        work.notes.append(f"-H {quoted(line.value('H'))} was given beside -S: one proxy is asked, the SOCKS server.")
    if line.said("S"):
        return {"proxy": line.value("S")}
    return {"proxy": line.value("H").rstrip("/")} if line.said("H") else {}


def _version(line: OldLine) -> dict[str, int]:
    said = line.value("v")
    if said not in ("", "1", "2"):
        raise BadInput("-v takes 1 or 2")
    return {"version": int(said)} if said else {}


def _credential(work: Conversion) -> dict[str, Any]:
    line = work.line
    if line.said("R"):
        return {"ra_certificate": line.value("R"), "key": work.key("k")}
    if line.command == "UPDATE":
        return {}
    if line.said("c"):
        return {"certificate": line.value("c"), "key": work.key("k")}
    return {"psk": _psk(work), "iterations": _iterations(work)}


def _psk(work: Conversion) -> Any:
    said = work.line.value("p")
    reference, colon, _ = said.partition(":")
    if not colon:
        return {"file": said}
    if work.literal:
        return said
    work.secrets[PSK_VARIABLE] = f"the reference number {quoted(reference)}, a colon and the key, as in -p"
    return {"env": PSK_VARIABLE}


def _iterations(work: Conversion) -> int:
    said = work.line.value("i")
    if said and not said.isdigit():
        raise BadInput("-i takes a whole number")
    number = int(said) if said else OLD_ITERATIONS
    least, most = _ITERATIONS
    if not least <= number <= most:
        work.notes.append(f"-i {number} is not taken: from {least} to {most} iterations.")
    return min(max(number, least), most)


def _output(work: Conversion) -> dict[str, Any]:
    """Where the old tool wrote, in DER, as it did."""
    line = work.line
    if line.said("O"):
        if line.said("o"):
            work.notes.append("-o was given beside -O: the file wins, and further results are not kept.")
        return {"file": line.value("O"), "format": "der"}
    return {"prefix": line.value("o") or "subject", "format": "der"}


def _entry_name(work: Conversion) -> str:
    """A name for the item: from the prefix of its results."""
    said = (work.line.value("o") or work.line.value("O") or "subject").replace("\\", "/").rpartition("/")[2]
    return _NAME.sub("-", said).strip("-._@+") or work.line.command.lower()


def _enrollment(work: Conversion) -> dict[str, Any]:
    line = work.line
    entry: dict[str, Any] = {
        "name": _entry_name(work),
        "authority": "ca",
        "credential": "us",
        **template_of(line, work.notes),
    }
    entry["key"] = work.key("P")
    if line.said("R"):
        entry["request"] = "ir" if line.command == "INITIALIZE" else "cr"
    return {"enrollments": [{**entry, **_care(work), "output": _output(work)}]}


def _care(work: Conversion) -> dict[str, Any]:
    line, found = work.line, dict[str, Any]()
    if line.said("B"):
        found["backup"] = True
        if not line.said("C"):
            raise BadInput("-B needs -C", why="the key is encrypted to the CA's certificate")
    if line.said("E"):
        found["proof_of_possession"] = "encryption"
    return found


def _update(work: Conversion) -> dict[str, Any]:
    line = work.line
    entry = {"name": _entry_name(work), "authority": "ca", "certificate": line.value("c"), "key": work.key("k")}
    if line.said("P"):
        entry["new_key"] = work.key("P")
    return {"updates": [{**entry, **_care(work), "output": _output(work)}]}


def _revocation(work: Conversion) -> dict[str, Any]:
    line = work.line
    entry: dict[str, Any] = {"name": "revoke", "authority": "ca", "credential": "us"}
    entry["certificate"] = line.value("T") or "revoked.crt"
    if line.said("s"):
        where = "beside -T, which wins" if line.said("T") else "only: put that certificate's file at certificate:"
        work.notes.append(
            f"-s named {quoted(line.value('s'))} {where}. A revocation names a certificate, or its issuer"
        )
        work.notes.append("and serial number, and never all those of a subject.")
    return {"revocations": [entry]}


def _recovery(work: Conversion) -> dict[str, Any]:
    wanted = {
        key: value
        for key, value in template_of(work.line, work.notes).items()
        if key in ("subject", "alt_names", "certificate")
    }
    entry = {"name": _entry_name(work), "authority": "ca", "credential": "us", **wanted, "output": _output(work)}
    return {"recoveries": [entry]}


def _poll(work: Conversion) -> dict[str, Any]:
    """-I; the key that the certificate is for was in no option of the old command."""
    entry = {"name": _entry_name(work), "authority": "ca", "credential": "us", "id": work.line.value("I")}
    work.notes.append(
        "key: in the entry, with the private key of the request, lets the certificate be held against it."
    )
    return {"polls": [{**entry, "output": _output(work)}]}


def _tunnel(work: Conversion) -> dict[str, Any]:
    """What the line says of the certificate replaces what a request says; a person approves each, as before."""
    override = template_of(work.line, work.notes)
    if override.pop("certificate", ""):
        work.notes.append(f"-T {quoted(work.line.value('T'))} cannot be said: name under override: what it stood for.")
    entry = {"name": "tunnel", "authority": "ca", "credential": "us", "requests": "inbox", "output": "outbox"}
    work.notes.append("Put the requests into the folder inbox; approve: can have rules instead (docs/ra.md).")
    return {"tunnels": [{**entry, **({"override": override} if override else {}), "approve": "ask"}]}


_SECTIONS = {
    "INITIALIZE": _enrollment,
    "ENROLL": _enrollment,
    "UPDATE": _update,
    "POLL": _poll,
    "RECOVER": _recovery,
    "REVOKE": _revocation,
    "TUNNEL": _tunnel,
}
_SPENT = {
    "y": "-y: `cmp-batch apply --yes` asks nothing.",
    "d": "-d: `cmp-batch apply --trace DIR` writes every message down.",
    "Z": "-Z: keys in a token are named by pkcs11: URLs (docs/keys.md); the provider has no other setting.",
}


def _say_the_rest(work: Conversion) -> None:
    """Notes on options that have no place in a manifest, and on those that this command has no use for."""
    line = work.line
    work.notes += [note for letter, note in _SPENT.items() if line.said(letter)]
    unused = [letter for letter in _UNUSED.get(line.command, "") if line.said(letter)]
    if unused:
        work.notes.append(f"{line.command} makes no use of {', '.join(f'-{letter}' for letter in unused)}.")
    if line.said("p") and (line.said("c") or line.said("R")):
        work.notes.append("-p was given beside a certificate: a request is protected in one way.")
    again = [letter for letter, values in line.options.items() if len(values) > 1 and letter not in "INuU"]
    work.notes += [f"-{letter} was given several times: the last one counts." for letter in again]


_UNUSED = {
    "POLL": "BEPTsuUN",
    "RECOVER": "BEPuUN",
    "REVOKE": "BEPuUNoO",
    "TUNNEL": "BEPN",
    "UPDATE": "TsuU",
}
