"""What each command of the old tool becomes: an entry of the section that says the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from runner.errors import BadInput
from runner.manifest.oldtemplate import template_of
from runner.manifest.polls import parse_request_id
from runner.manifest.yamltext import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from runner.manifest.conversion import Conversion

_NAME = re.compile(r"[^A-Za-z0-9._@+-]+")


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
        where = "beside -T, which wins" if line.said("T") else "alone"
        work.notes.append(f"-s named {quoted(line.value('s'))} {where}. A revocation names one certificate and never")
        work.notes.append("all those of a subject: by certificate: and its file, or by issuer: and serial:.")
        if not line.said("T"):
            work.notes.append("Put the file of the certificate that is meant at certificate: (revoked.crt here).")
    return {"revocations": [entry]}


def _recovery(work: Conversion) -> dict[str, Any]:
    wanted = {
        key: value
        for key, value in template_of(work.line, work.notes).items()
        if key in ("subject", "alt_names", "certificate")
    }
    output = _output(work)
    if "file" in output:
        work.notes.append("-O has no place here: several keys and certificates may come; its value is their prefix.")
        output = {"prefix": output["file"], "format": output["format"]}
    entry = {"name": _entry_name(work), "authority": "ca", "credential": "us", **wanted, "output": output}
    return {"recoveries": [entry]}


def _polls(work: Conversion) -> dict[str, Any]:
    """An entry for each -I; what apply itself left pending it asks for again by itself."""
    line, name, output = work.line, _entry_name(work), _output(work)
    ids = list(dict.fromkeys(line.options["I"]))
    entries = []
    for number, said in enumerate(ids):
        _fitting_id(said)
        more = f"-{number}" if number else ""
        places = {key: f"{value}{more}" if key != "format" else value for key, value in output.items()}
        entry = {"name": f"{name}{more}", "authority": "ca", "credential": "us", "id": said}
        entries.append({**entry, **_waiting_key(work), "output": places})
    if len(entries) > 1:
        work.notes.append("-I was given several times: each is an entry, and its results have its name.")
    if not _waiting_key(work):
        work.notes.append("Add key: file:… to a poll: its certificate is then held against the private key it is for.")
    return {"polls": entries}


def _waiting_key(work: Conversion) -> dict[str, str]:
    """The key in -P, if it is one that exists; one that was made when the request went out is in a file by now."""
    key = work.key("P") if work.line.said("P") else ""
    return {} if not key or key.startswith("generate:") else {"key": key}


def _fitting_id(text: str) -> None:
    try:
        parse_request_id(text)
    except ValueError as problem:
        raise BadInput(f"-I: {problem}") from None


def _tunnel(work: Conversion) -> dict[str, Any]:
    """The old tool read requests and asked about each; what the line said of the subject and so on it put into them."""
    line = work.line
    override = template_of(line, work.notes)
    entry: dict[str, Any] = {"name": "tunnel", "authority": "ca", "credential": "us", "requests": "inbox"}
    work.notes.append("Put the requests into the folder inbox: PKCS #10, CRMF or whole messages, PEM or DER.")
    if override:
        entry["override"] = override
    if line.said("O"):
        work.notes.append("-O has no place in a tunnel: answers lie beside their requests, or in the folder output:.")
    entry["output"] = line.value("o") or "outbox"
    entry["approve"] = {"names": ["any"]} if line.said("y") else "ask"
    if line.said("y"):
        work.notes.append("-y approved whatever came, as names: [any] does: say there which names may be asked for.")
    return {"tunnels": [entry]}


SECTIONS: Mapping[str, Callable[[Conversion], dict[str, Any]]] = {
    "INITIALIZE": _enrollment,
    "ENROLL": _enrollment,
    "UPDATE": _update,
    "POLL": _polls,
    "RECOVER": _recovery,
    "REVOKE": _revocation,
    "TUNNEL": _tunnel,
}
"""By the command: the section of the manifest, with its entries."""
