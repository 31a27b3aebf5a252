"""Save types and kinds of keys: what the code really writes and reads, who judges it, and the table that says so."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode, urlsafe_b64decode

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from support.ambient import CountingEntropy
from support.tools import need

from runner.errors import KeyStoreError
from runner.keystores.formats import read_any_key, write_private_key
from runner.keystores.generate import generate_key
from runner.keystores.sealing import Seal
from runner.pki.keyspecs import CURVES, FIXED, KeySpec
from runner.pki.keyurls import Sealing
from runner.pki.savetypes import SAVE_TYPES
from runner.pki.signing import public_info

FILES = [name for name in SAVE_TYPES if name != "pkcs11"]
SPECS = [KeySpec("rsa", "2048"), KeySpec("dsa", "1024"), KeySpec("dsa", "2048")]
SPECS += [KeySpec("ec", curve) for curve in CURVES] + [KeySpec(kind) for kind in FIXED]
PASSPHRASE = b"correct horse 1"
OLD = ("rsa", "dsa", "ec", "ed25519", "ed448", "x25519", "x448")
NIST = ("ec:p256", "ec:p384", "ec:p521")
JUDGES = {
    "pkcs8": {"openssl": OLD, "cryptography": FIXED},
    "pkcs8s": {"openssl": OLD, "cryptography": FIXED},
    "pkcs1": {"openssl": OLD, "ssh-keygen": ("rsa",)},
    "sec1": {"openssl": OLD, "ssh-keygen": NIST},
    "x509": {"openssl": OLD},
    "ssh2": {"puttygen": OLD, "ssh-keygen": ("rsa", "dsa:1024")},
    "ssh1": {"puttygen": OLD},
    "openssh": {"ssh-keygen": OLD, "puttygen": ("rsa", *NIST, "ed25519")},
    "pkcs12": {"openssl": OLD, "keytool": ("rsa", "ec:p256", "ec:p384", "ec:p521")},
    "jwk": {"jose": ("rsa", *NIST), "openssl": ("ed25519", "ed448", "x25519", "x448", "ec:secp256k1")},
}
"""Save type → program or document that judges it → kinds and specs that it judges."""
CACHE = {}


def key_of(spec):
    """One key of each spec for the whole run."""
    if spec not in CACHE:
        CACHE[spec] = generate_key(spec)
    return CACHE[spec]


def sealed_by(passphrase=PASSPHRASE):
    return Seal(passphrase, CountingEntropy(), Sealing("", 1000))


def written(spec, savetype, *, sealed):
    """The octets of a key, or None where the code refuses to write it."""
    try:
        seal = Seal(PASSPHRASE, CountingEntropy(), Sealing("", 16 if savetype == "openssh" else 1000))
        return write_private_key(key_of(spec), savetype, seal if sealed else None)
    except KeyStoreError:
        return None


def comes_back(spec, octets, *, sealed):
    """Whether the code reads what it wrote, and reads the same key."""
    return public_info(read_any_key(octets, PASSPHRASE if sealed else None)) == public_info(key_of(spec))


def judges_of(spec, savetype):
    return [judge for judge, held in JUDGES[savetype].items() if spec.kind in held or str(spec) in held]


def cell(spec, savetype):
    """What the table says about a combination."""
    plain, sealed = written(spec, savetype, sealed=False), written(spec, savetype, sealed=True)
    if plain is None and sealed is None:
        return "no"
    assert plain is None or comes_back(spec, plain, sealed=False)
    assert sealed is None or comes_back(spec, sealed, sealed=True)
    passphrase = "needed" if plain is None else "no" if sealed is None else "yes"
    return f"write, read; passphrase: {passphrase}; {', '.join(judges_of(spec, savetype))}"


def table():
    """The table of docs/keys.md."""
    lines = ["| key | " + " | ".join(f"`{name}`" for name in FILES) + " |", "|---" * (len(FILES) + 1) + "|"]
    lines += [f"| `{spec}` | " + " | ".join(cell(spec, name) for name in FILES) + " |" for spec in SPECS]
    return "\n".join(lines) + "\n"


def run(*command, given=None):
    return subprocess.run(command, input=given, capture_output=True, check=True, timeout=60).stdout


def openssl(octets, savetype, folder, *, sealed):
    """The public half as the openssl program sees it."""
    tool = need("openssl")
    (folder / "pass").write_bytes(PASSPHRASE)
    if savetype == "x509":
        return relabelled(tool, octets)
    if savetype == "jwk":
        return from_jwk(tool, json.loads(octets))
    if savetype == "pkcs12":
        octets = run(tool, "pkcs12", "-nodes", "-passin", f"file:{folder}/pass", given=octets)
    arguments = ["-passin", f"file:{folder}/pass"] if sealed and savetype != "pkcs12" else []
    return load_pem_public_key(run(tool, "pkey", "-pubout", *arguments, given=octets))


def relabelled(tool, octets):
    """EC as it is; of the others the integers that asn1parse shows, put into the order that OpenSSL knows."""
    lines = run(tool, "asn1parse", given=octets).decode().splitlines()
    if "cons: SEQUENCE" not in lines[1]:
        return load_pem_public_key(
            run(tool, "pkey", "-pubout", given=octets.replace(b"SSH X.509", b"EC")),
        )
    numbers = [int(line.rpartition(":")[2], 16) for line in lines if "INTEGER" in line]
    n, e, d, p, q, u = (*numbers, 0)[:6]
    if len(numbers) == 6:
        rsa = f"asn1=SEQUENCE:k\n[k]\nv=INTEGER:0\nn=INTEGER:{n}\ne=INTEGER:{e}\nd=INTEGER:{d}\np=INTEGER:{q}\n"
        text = f"{rsa}q=INTEGER:{p}\ndp=INTEGER:{d % (q - 1)}\ndq=INTEGER:{d % (p - 1)}\nu=INTEGER:{u}\n"
    else:
        p, q, g, y, x = numbers
        head = f"asn1=SEQUENCE:k\n[k]\nv=INTEGER:0\np=INTEGER:{p}\nq=INTEGER:{q}\n"
        text = f"{head}g=INTEGER:{g}\ny=INTEGER:{y}\nx=INTEGER:{x}\n"
    der = run(tool, "asn1parse", "-genconf", "/dev/stdin", "-noout", "-out", "/dev/stdout", given=text.encode())
    return load_pem_public_key(run(tool, "pkey", "-inform", "DER", "-pubout", given=der))


def from_jwk(tool, said):
    """The private value alone, in DER put together by hand: what openssl derives from it must be the public one."""
    secret = urlsafe_b64decode(said["d"] + "==")
    if said["kty"] == "EC":
        inner = b"\x02\x01\x01\x04\x20" + secret + bytes.fromhex("a00706052b8104000a")
    else:
        oid = {"X25519": 0x6E, "X448": 0x6F, "Ed25519": 0x70, "Ed448": 0x71}[said["crv"]]
        wrapped = b"\x04" + bytes((len(secret),)) + secret
        inner = b"\x02\x01\x00\x30\x05\x06\x03\x2b\x65" + bytes((oid, 0x04, len(wrapped))) + wrapped
    der = b"\x30" + bytes((len(inner),)) + inner
    return load_pem_public_key(run(tool, "pkey", "-inform", "DER", "-pubout", given=der))


def ssh_keygen(octets, savetype, folder, *, sealed):
    """The public half as ssh-keygen sees it."""
    tool, path = need("ssh-keygen"), private(folder, octets)
    if savetype == "ssh2":
        if sealed:
            return None  # it imports plain ones only
        return load_pem_private_key(run(tool, "-i", "-f", path), None).public_key()
    return line_of(run(tool, "-y", "-P", PASSPHRASE if sealed else b"", "-f", path))


def puttygen(octets, savetype, folder, *, sealed):
    """The public half as puttygen sees it; of SSH 1 keys its numbers."""
    tool, path = need("puttygen"), private(folder, octets)
    (folder / "pass").write_bytes(PASSPHRASE)
    old = ["--old-passphrase", f"{folder}/pass"] if sealed else []
    if savetype == "ssh1":
        shown = run(tool, path, *old, "-O", "public", "-o", "/dev/stdout").split()
        return int(shown[1]), int(shown[2])
    return line_of(run(tool, path, *old, "-O", "public-openssh", "-o", "/dev/stdout"))


def keytool(octets, savetype, folder, *, sealed):
    """Whether keytool lists the key; its certificate is not there, so that its public half is not to be seen."""
    path = private(folder, octets)
    shown = run(need("keytool"), "-list", "-storetype", "PKCS12", "-keystore", path, "-storepass", PASSPHRASE.decode())
    assert b"contains" in shown


def jose(octets, savetype, folder, *, sealed):
    """The public half as jose sees it."""
    return json.loads(run(need("jose"), "jwk", "pub", "-i-", given=octets))


def cryptography(octets, savetype, folder, *, sealed):
    """The OpenSSL 4 in `cryptography`, for kinds that Debian's does not know yet."""
    return load_pem_private_key(octets, PASSPHRASE if sealed else None).public_key()


def private(folder, octets):
    path = folder / "key"
    path.write_bytes(octets)
    path.chmod(0o600)
    return str(path)


def line_of(line):
    """The blob of a public key as OpenSSH writes it."""
    return b64decode(line.split()[1])


def jwk_number(text):
    return int.from_bytes(urlsafe_b64decode(text + "=="), "big")


def der_of(public):
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
