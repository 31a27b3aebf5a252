"""The words with which every key format refuses: it is no key, it is sealed, it does not open, it is damaged.

One cause has one wording, whichever format it is met in. Nothing of a file's content is part of any of them.
"""

from __future__ import annotations

from runner.errors import KeyStoreError


def needs_passphrase() -> KeyStoreError:
    """The key is sealed and no passphrase was given."""
    return KeyStoreError(
        "the private key is sealed and needs a passphrase",
        next_step="add it to the key URL as a reference: file://${env:VARIABLE}/path",
    )


def does_not_open() -> KeyStoreError:
    """The passphrase is not the one."""
    return KeyStoreError(
        "the passphrase does not open the private key",
        why="the passphrase is wrong, the file is damaged, or its cipher is not supported",
        next_step="check the passphrase that the key URL refers to; openssl pkey -in FILE judges the file",
    )


def damaged(why: str) -> KeyStoreError:
    """The file is of a known format and its content contradicts itself."""
    return KeyStoreError("the private key is damaged", why=why, next_step="restore it from a backup")


def not_supported(why: str = "") -> KeyStoreError:
    """The key, or what seals it, is of a kind that exists and is not ours."""
    return KeyStoreError(
        "the private key is of a kind, or sealed in a way, that is not supported",
        why=why,
        next_step="use an RSA, EC, Ed25519 or Ed448 key; openssl pkcs8 -topk8 seals it in a way that is",
    )


def cannot_hold(savetype: str) -> KeyStoreError:
    """A key that the format asked for has no place for."""
    return KeyStoreError(f"this key cannot be saved as {savetype}", next_step="use pkcs8 or pkcs8s")
