"""Key URLs: how manifests name private keys (the forms of every ssh-cmpclient-g3 manual, and ours).

    generate://savetype[:passphrase]@keytype[:size]/save-file-prefix     make a key, keep it as PREFIX.prv
    generate://pkcs11[:pin]@keytype[:size]/token=…;object=…?…            make it inside a token (RFC 7512)
    file://passphrase/relative  ·  file://passphrase//absolute           a key that exists, under a passphrase
    file:relative  ·  file:/absolute  ·  file:///absolute  ·  a path     a key that exists
    pkcs11:token=…;object=…?module-path=…&pin-source=…                   a key in a token
    env:NAME                                                             a key in an environment variable

The grammar only: text to KeyUrl and back, redacted whenever it is printed. A URL is cut at its own marks and never
given to a general parser, so that brackets and colons (an IPv6 address, say) are plain text wherever they stand.
Reading and writing what is named here is left to runner.keystores.
"""

from __future__ import annotations

from dataclasses import field
from re import compile as regex
from urllib.parse import quote, unquote

from runner.pki.keyspecs import KeySpec, parse_key_spec
from runner.pki.savetypes import SAVE_TYPES, find_save_type, why_not
from runner.pki.tokenuris import SCHEME as TOKEN_SCHEME
from runner.pki.tokenuris import parse_token_uri, pin_attribute
from runner.values import frozen

KEY_SUFFIX = ".prv"
ENV_SCHEME = "env:"
_FORM = "generate://savetype[:passphrase]@keytype[:size]/prefix"
_REFERENCE = regex(r"\$\{[^{}]*\}")
_HEAD = regex(r"(?P<savetype>[^:@/]*)(?::(?P<passphrase>\$\{[^{}]*\}|[^@/]*))?@(?P<kind>[^/]*)/(?P<prefix>.+)", 16)
"""generate:// in its parts; 16 is DOTALL: a path may hold anything."""
_FILE = regex(r"(?P<passphrase>\$\{[^{}]*\}|[^/]*)/(?P<path>.+)", 16)
_VARIABLE = regex(r"[A-Za-z_][A-Za-z0-9_]*")
_BROKEN = regex(r"%(?![0-9A-Fa-f]{2})")
_SCHEME = regex(r"[A-Za-z][A-Za-z0-9+.-]*")


class BadKeyUrl(ValueError):
    """A mistake in a key URL: `position` counts characters from 1, `next_step` shows the nearest valid form."""

    def __init__(self, what: str, position: int, next_step: str = "") -> None:
        super().__init__(f"{what} (at character {position})")
        self.position = position
        self.next_step = next_step


@frozen
class Sealing:
    """How a passphrase becomes a key: `kdf` is pbkdf2 or scrypt, `rounds` its work factor; empty: as we see fit."""

    kdf: str = ""
    rounds: int = 0


UNSAID = Sealing()
"""As we see fit."""


@frozen
class KeyUrl:
    """A parsed key URL. `spec` is set where the key is to be generated; `passphrase` never appears in `str` or `repr`.

    `passphrase` is that of the URL, percent-decoded, or a token's PIN; it may be a reference, `${env:PASS}` or
    `${file:…}`. `path` is the key file: for `generate:` the prefix with `.prv` appended; `pkcs11:…` and `env:NAME`
    stand there whole, as `kept` says (`file`, `token`, `env`). `sealing` is the manifest's, no part of the text.
    """

    path: str
    savetype: str = ""
    spec: KeySpec | None = None
    passphrase: str = field(default="", repr=False)
    kept: str = "file"
    sealing: Sealing = UNSAID

    @property
    def generates(self) -> bool:
        """Whether the key is to be made by us."""
        return self.spec is not None

    @property
    def is_file(self) -> bool:
        """Whether the key is a file, now or once it is made."""
        return self.kept == "file"

    def __str__(self) -> str:
        return self.spelled(self.path)

    def spelled(self, path: str) -> str:
        """The text of the same key at another path, such as the one that a manifest says."""
        return self._spelled("***" if self.passphrase else "", path)

    def revealed(self) -> str:
        """The URL with its passphrase, which parses to this again. Never to be printed."""
        reference = _REFERENCE.fullmatch(self.passphrase)
        return self._spelled(self.passphrase if reference else quoted(self.passphrase), self.path)

    def _spelled(self, passphrase: str, path: str) -> str:
        if self.kept == "env":
            return path
        if self.kept == "token":
            return self._token(passphrase, path)
        path = _escaped(path)
        if self.spec is not None:
            secret = f":{passphrase}" if passphrase else ""
            return f"generate://{self.savetype}{secret}@{self.spec}/{path.removesuffix(KEY_SUFFIX)}"
        return f"file://{passphrase}/{path}" if passphrase else f"file:{path}"

    def _token(self, pin: str, path: str) -> str:
        if self.spec is not None:
            secret = f":{pin}" if pin else ""
            return f"generate://{self.savetype}{secret}@{self.spec}/{path.removeprefix(TOKEN_SCHEME)}"
        said = pin_attribute(pin if pin == "***" else self.passphrase)
        return f"{path}{'&' if '?' in path else '?'}{said}" if said else path


def parse_key_url(text: str) -> KeyUrl:
    """Text → KeyUrl; BadKeyUrl (a ValueError) says what is wrong and where, and gives the nearest valid form."""
    scheme, colon, rest = text.partition(":")
    kind = scheme.lower() if colon else ""
    if kind == "generate":
        return _generate(rest)
    if kind == "file":
        return _file(rest)
    if kind == "pkcs11":
        return _token(text)
    if kind == "env":
        return _variable(rest)
    if colon and "/" not in scheme and len(scheme) > 1:
        raise _unknown_scheme(scheme)
    return KeyUrl(path=_path(_nonempty(text, 1)))


def _unknown_scheme(scheme: str) -> BadKeyUrl:
    shown = repr(scheme) if _SCHEME.fullmatch(scheme) else "before the colon"
    return BadKeyUrl(
        f"unknown kind of key URL {shown}: generate://, file:, pkcs11:, env: or a path",
        1,
        f"for a file of that name write file:{scheme}:…" if _SCHEME.fullmatch(scheme) else "",
    )


def _generate(rest: str) -> KeyUrl:
    start = len("generate:") + 1
    parts = _HEAD.fullmatch(rest, 2) if rest.startswith("//") else None
    if parts is None:
        raise BadKeyUrl(f"a key to generate is written {_FORM}", *_nearest_form(rest, start))
    at, kind, prefix = parts.start, parts["kind"], parts["prefix"]
    passphrase = _secret(parts["passphrase"], start + at("passphrase")) if parts["passphrase"] else ""
    if "@" in kind or (passphrase and "@" in prefix and not _is_spec(kind)):
        raise BadKeyUrl("there are two @ in it", start + at("kind"), "an @ inside the passphrase is written %40")
    try:
        save_type = find_save_type(parts["savetype"])
    except ValueError as problem:
        raise BadKeyUrl(str(problem), start + at("savetype"), f"for example {_example(kind)}") from None
    try:
        spec = parse_key_spec(unquote(kind))
    except ValueError as problem:
        raise BadKeyUrl(str(problem), start + at("kind"), f"for example {_example('')}") from None
    if refusal := why_not(save_type, spec, sealed=bool(passphrase)):
        fitting = "pkcs8s:${env:PASS}" if passphrase else "pkcs8"
        raise BadKeyUrl(refusal, start + at("savetype"), f"for example generate://{fitting}@{spec}/PREFIX")
    if save_type.name == "pkcs11":
        return _generated_token(prefix, spec, passphrase, start + at("prefix"))
    path = _path(_decoded(prefix, start + at("prefix"))) + KEY_SUFFIX
    return KeyUrl(path=path, savetype=save_type.name, spec=spec, passphrase=passphrase)


def _nearest_form(rest: str, start: int) -> tuple[int, str]:
    """Where a generate: URL leaves its form, and what it was probably meant to be; nothing secret is repeated."""
    if not rest.startswith("//"):
        return start, "write generate:// and go on, for example generate://pkcs8@ec:p256/out/web"
    if "@" not in rest:
        savetype = rest[2:].partition("/")[0].partition(":")[0].lower()
        shown = savetype if savetype in SAVE_TYPES else "pkcs8"
        return start + 2 + len(savetype), f"for example generate://{shown}@ec:p256/out/web"
    if rest.rpartition("@")[2].partition("/")[2]:
        return start + 2, "a / or { inside the passphrase is written %2F or %7B"
    return start + len(rest), "end it with / and the prefix of the key's file, for example …@ec:p256/out/web"


def _is_spec(kind: str) -> bool:
    try:
        parse_key_spec(unquote(kind))
    except ValueError:
        return False
    return True


def _example(kind: str) -> str:
    return f"generate://pkcs8@{parse_key_spec(unquote(kind)) if _is_spec(kind) else 'ec:p256'}/out/web"


def _generated_token(prefix: str, spec: KeySpec, pin: str, at: int) -> KeyUrl:
    uri, other_pin = _token_uri(TOKEN_SCHEME + prefix.removeprefix(TOKEN_SCHEME), at - len(TOKEN_SCHEME))
    if pin and other_pin:
        raise BadKeyUrl("the PIN is said twice", at, "leave out pin-source and pin-value")
    if "object=" not in uri:
        raise BadKeyUrl("a key to be made needs a label", at, "add object=LABEL")
    return KeyUrl(path=uri, savetype="pkcs11", spec=spec, passphrase=pin or other_pin, kept="token")


def _token(text: str) -> KeyUrl:
    uri, pin = _token_uri(TOKEN_SCHEME + text[len(TOKEN_SCHEME) :], 1)
    if "object=" not in uri and "id=" not in uri.removeprefix(TOKEN_SCHEME).replace("slot-id=", ""):
        raise BadKeyUrl("the key in the token is not named", len(TOKEN_SCHEME) + 1, "add object=LABEL or id=%01")
    return KeyUrl(path=uri, passphrase=pin, kept="token")


def _token_uri(text: str, at: int) -> tuple[str, str]:
    try:
        uri, pin = parse_token_uri(text)
    except ValueError as problem:
        step = "for example pkcs11:token=plant;object=web-1?module-path=/usr/lib/softhsm/libsofthsm2.so"
        raise BadKeyUrl(str(problem), at + len(TOKEN_SCHEME), step) from None
    return str(uri), _checked_secret(pin, at)


def _file(rest: str) -> KeyUrl:
    start = len("file:") + 1
    if not rest.startswith("//"):
        return KeyUrl(path=_path(_decoded(_nonempty(rest, start), start)))
    parts = _FILE.fullmatch(rest, 2)
    if parts is None:
        step = "write file://PASSPHRASE/path, or file:path for a key without passphrase"
        raise BadKeyUrl("the key's path is missing", start + len(rest), step)
    path = _decoded(parts["path"], start + parts.start("path"))
    if not parts["passphrase"]:  # RFC 8089: nobody between the slashes, and the path is absolute
        return KeyUrl(path=_path("/" + path))
    return KeyUrl(path=_path(path), passphrase=_secret(parts["passphrase"], start + 2))


def _variable(name: str) -> KeyUrl:
    if not _VARIABLE.fullmatch(name):  # perhaps the key itself: not to be shown
        raise BadKeyUrl("env: is followed by the name of a variable", len(ENV_SCHEME) + 1, "for example env:WEB_KEY")
    return KeyUrl(path=ENV_SCHEME + name, kept="env")


def _secret(text: str, at: int) -> str:
    """A passphrase as it is meant: a reference stays, everything else is percent-decoded."""
    if _REFERENCE.fullmatch(text):
        return text
    return _checked_secret(_decoded(text, at), at)


def _decoded(text: str, at: int) -> str:
    """What percent-encoded text means. BadKeyUrl where a percent sign begins no escape: a guess would be wrong."""
    if "%" not in text:
        return text
    if (broken := _BROKEN.search(text)) is not None:
        words = "two hexadecimal digits have to follow a percent sign"
        raise BadKeyUrl(words, at + broken.start(), "a percent sign itself is written %25")
    return unquote(text, errors="surrogateescape")


def _checked_secret(secret: str, at: int) -> str:
    if secret.startswith("${") and not _REFERENCE.fullmatch(secret):
        raise BadKeyUrl("the passphrase begins like a reference and is none", at, "use ${env:NAME} or ${file:PATH}")
    return secret


def _nonempty(path: str, at: int) -> str:
    if not path:
        raise BadKeyUrl("the key's path is missing", at, "for example file:web.prv")
    return path


def _path(path: str) -> str:
    """A path with one slash in front at most: more would read as the mark of a passphrase."""
    return "/" + path.lstrip("/") if path.startswith("/") else path


def _escaped(path: str) -> str:
    """A path as it stands in a URL: what could be taken for something else is percent-encoded."""
    if path.isprintable() and "%" not in path:
        return path
    return "".join(char if char.isprintable() and char != "%" else _percent(char) for char in path)


def _percent(char: str) -> str:
    return quote(char, safe="", errors="surrogateescape")


def quoted(passphrase: str) -> str:
    """A passphrase as it is written inside a key URL."""
    return quote(passphrase, safe="*", errors="surrogateescape")
