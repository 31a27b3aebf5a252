"""What is particular to recoveries: how the keys that come are kept, each in files of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.manifest.variables import expand
from runner.pki.keyurls import BadKeyUrl, KeyUrl, parse_key_url

if TYPE_CHECKING:
    from runner.manifest.placing import Output
    from runner.manifest.reader import Reader

_USUAL = "pkcs8"


def read_saved(reader: Reader) -> KeyUrl | None:
    """`save_as`, savetype[:passphrase] as in generate://; the kind and the place of each key come with it."""
    text = reader.part.text("save_as")
    said = expand(text, reader.variables, reader.ledger, secrets=True) if text else _USUAL
    if said is None:
        return None
    try:
        url = parse_key_url(f"generate://{said}@rsa:3072/key")
    except BadKeyUrl as problem:
        place = reader.part.place_of("save_as")
        step = "pkcs8, or pkcs8s:${env:PASS}"
        reader.ledger.error(f"save_as: {str(problem).partition(' (at')[0]}", place, next_step=step)
        return None
    if url.kept != "file":
        step = "write a format of files, for example pkcs8"
        reader.ledger.error(
            "save_as: a key that comes cannot be put into a token", text.place if text else None, next_step=step
        )
        return None
    return url


def check_recovered(reader: Reader, output: Output) -> bool:
    """Several keys may come: one file, a store or a chain has no place for them. Whether that is so."""
    if output.prefix is not None and not output.extras:
        return True
    why, step = "each key and each certificate that comes gets a file of its own", "give a prefix"
    reader.ledger.error(
        "output: recoveries write PREFIX-N.prv and PREFIX-N.crt",
        reader.part.place_of("output"),
        why=why,
        next_step=step,
    )
    return False
