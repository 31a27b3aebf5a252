"""Key URLs: how manifests name private keys (dossier: ssh-cmpclient-g3 key URLs).

    generate://savetype[:passphrase]@keytype[:size]/save-file-prefix     make a key, keep it as PREFIX.prv
    file://[passphrase]/path  ·  file:path  ·  path                       a key that exists

The grammar only: text to KeyUrl and back, redacted whenever it is printed. Reading and writing the files
named here is left to runner.keystores.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from runner.pki.keyspecs import KeySpec, parse_key_spec

SAVE_TYPES = ("pkcs8", "pkcs8s", "pkcs1")
"""File formats that a key can be generated into."""
KEY_SUFFIX = ".prv"


@dataclass(frozen=True, slots=True)
class KeyUrl:
    """A parsed key URL. `spec` is set where the key is to be generated; `passphrase` never appears in `str` or `repr`.

    `passphrase` is the text of the URL, percent-decoded; it may be a reference such as `${env:PASS}` or `${file:…}`.
    `path` is the key file: for `generate:` the prefix with `.prv` appended.
    """

    path: str
    savetype: str = ""
    spec: KeySpec | None = None
    passphrase: str = field(default="", repr=False)

    @property
    def generates(self) -> bool:
        """Whether the key is to be made by us."""
        return self.spec is not None

    def __str__(self) -> str:
        return self.spelled("***" if self.passphrase else "")

    def spelled(self, passphrase: str) -> str:
        """The URL with `passphrase` in the place of its own."""
        if self.spec is not None:
            secret = f":{passphrase}" if passphrase else ""
            return f"generate://{self.savetype}{secret}@{self.spec}/{self.path.removesuffix(KEY_SUFFIX)}"
        return f"file://{passphrase}/{self.path}" if passphrase else f"file:{self.path}"


def parse_key_url(text: str) -> KeyUrl:
    """Text → KeyUrl; ValueError says what is wrong and gives the nearest valid form."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() == "generate":
        return _generate(rest)
    if colon and scheme.lower() == "file":
        return _file(rest)
    if colon and "/" not in scheme and len(scheme) > 1:
        raise ValueError(f"unknown kind of key URL {scheme!r}: generate://, file: or a path")
    return KeyUrl(path=_nonempty(text))


def _generate(rest: str) -> KeyUrl:
    form = "generate://savetype[:passphrase]@keytype[:size]/prefix"
    if not rest.startswith("//"):
        raise ValueError(f"a key to generate is written {form}")
    head, at, tail = rest[2:].partition("@")
    kind, slash, prefix = tail.partition("/")
    if not (at and slash and prefix):
        raise ValueError(f"a key to generate is written {form}, for example generate://pkcs8@ec:p256/out/web")
    savetype, _, passphrase = head.partition(":")
    savetype = savetype.lower()
    if savetype not in SAVE_TYPES:
        raise ValueError(f"unknown save type {savetype!r}: one of {', '.join(SAVE_TYPES)}")
    if (savetype == "pkcs8s") != bool(passphrase):
        raise ValueError("pkcs8s needs a passphrase (pkcs8s:PASSPHRASE@…), and no other save type takes one")
    spec = parse_key_spec(unquote(kind))
    if savetype == "pkcs1" and spec.kind != "rsa":
        raise ValueError(f"pkcs1 holds RSA keys only, not {spec}; use pkcs8")
    return KeyUrl(path=unquote(prefix) + KEY_SUFFIX, savetype=savetype, spec=spec, passphrase=unquote(passphrase))


def _file(rest: str) -> KeyUrl:
    if not rest.startswith("//"):
        return KeyUrl(path=unquote(_nonempty(rest)))
    passphrase, slash, path = rest[2:].partition("/")
    if not slash:
        raise ValueError("write file://PASSPHRASE/path, or file:path for a key without passphrase")
    return KeyUrl(path=unquote(_nonempty(path)), passphrase=unquote(passphrase))


def _nonempty(path: str) -> str:
    if not path:
        raise ValueError("the key's path is missing")
    return path


def quoted(passphrase: str) -> str:
    """A passphrase as it is written inside a key URL."""
    return quote(passphrase, safe="")
