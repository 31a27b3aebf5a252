"""A command line of ssh-cmpclient-g3 to the same thing as a manifest, with comments for what has no meaning any more.

Secrets become references to environment variables, unless their literals are asked for; the manifest says which
variable wants what. Reading the line is done by runner.manifest.oldline, the YAML is put down here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runner.errors import BadInput
from runner.manifest.conversion import Conversion
from runner.manifest.oldsections import SECTIONS
from runner.manifest.oldtemplate import name_of
from runner.manifest.yamltext import block, quoted

if TYPE_CHECKING:
    from runner.manifest.oldline import OldLine

PSK_VARIABLE = "CMP_PSK"
OLD_ITERATIONS = 1024
"""Of the old tool, where -i did not say."""
_ITERATIONS = (100, 100_000)


def converted(line: OldLine, *, literal: bool = False) -> str:
    """The manifest, as YAML. `literal`: secrets stand in it as they were given. BadInput where it cannot be said."""
    work = Conversion(line, literal)
    body: dict[str, Any] = {"apiVersion": "cmp-batch/v1", "authorities": {"ca": _authority(work)}}
    if credential := _credential(work):
        body["credentials"] = {"us": credential}
    if line.said("N"):
        body["entropy"] = line.options["N"]
    body |= SECTIONS[line.command](work)
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
    "POLL": "BETsuUN",
    "RECOVER": "BEPuUN",
    "REVOKE": "BEPuUNoO",
    "TUNNEL": "BEPN",
    "UPDATE": "TsuU",
}
