"""EncryptedValue: any padding opens, nothing else does; openssl is the judge of the key transport and the cipher."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ambient import CountingEntropy
from support.certificates import certificate_der
from support.recipients import key_of, pkcs8_der

from runner.asn1.algorithms import AlgorithmIdentifier
from runner.asn1.archive import EncryptedValue
from runner.asn1.primitives import OCTET_STRING
from runner.asn1.structures import decode, encode
from runner.errors import ProtocolError, Unauthentic
from runner.pki.certificates import to_pem
from runner.pki.ciphers import CIPHERS
from runner.pki.encrypted_values import first_object, open_encrypted_value, seal_encrypted_value
from runner.pki.opening import PrivateKeyDecrypter, cannot_open

CONTENT = certificate_der()
VECTOR = bytes(range(16))


def opener(number=0):
    return PrivateKeyDecrypter(key_of("rsa", number))


def sealed(cipher="aes256-cbc"):
    return seal_encrypted_value(CONTENT, opener().public_key_info, CountingEntropy(), cipher=cipher)


@pytest.mark.parametrize("cipher", CIPHERS)
def test_what_is_sealed_opens(cipher):
    value = decode(EncryptedValue, encode(sealed(cipher)))
    opened = open_encrypted_value(value, opener())
    assert opened.content == CONTENT
    assert CONTENT.hex() not in repr(opened)
    assert "key=" not in repr(opened)


@pytest.mark.parametrize("cipher", ["aes128-cbc", "aes256-cbc"])
def test_openssl_opens_what_we_seal(openssl, tmp_path, cipher):
    value = sealed(cipher)
    (tmp_path / "key").write_bytes(to_pem(pkcs8_der(key_of("rsa")), "PRIVATE KEY"))
    command = [openssl, "pkeyutl", "-decrypt", "-inkey", "key"]
    run = subprocess.run(command, cwd=tmp_path, input=value.enc_symm_key, check=True, capture_output=True)
    vector = OCTET_STRING.decode(value.symm_alg.parameters)
    command = [openssl, "enc", "-d", "-" + cipher.replace("aes", "aes-"), "-K", run.stdout.hex(), "-iv", vector.hex()]
    opened = subprocess.run(command, input=value.enc_value, check=True, capture_output=True).stdout
    assert opened == CONTENT


def with_padding(padding):
    """A value whose content is padded as a server likes."""
    key = b"k" * 32
    encryptor = Cipher(AES256(key), CBC(VECTOR)).encryptor()
    return EncryptedValue(
        symm_alg=AlgorithmIdentifier(algorithm=CIPHERS["aes256-cbc"], parameters=OCTET_STRING.encode(VECTOR)),
        enc_symm_key=key_of("rsa").public_key().encrypt(key, PKCS1v15()),
        enc_value=encryptor.update(CONTENT + padding) + encryptor.finalize(),
    )


def test_padding_is_nobody_s_rule():
    """Zeros, ISO 7816, PKCS #7, none: all occur; keyAlg may be absent too."""
    room = -len(CONTENT) % 16
    for padding in (bytes(room), (b"\x80" + bytes(room))[:room], bytes((room,)) * room):
        assert open_encrypted_value(with_padding(padding), opener()).content == CONTENT
    with pytest.raises(ProtocolError):
        open_encrypted_value(with_padding(bytes(room + 32)), opener())


@settings(max_examples=100)
@given(st.data())
def test_a_changed_symmetric_key_says_nothing(data):
    value = sealed()
    at = data.draw(st.integers(0, len(value.enc_symm_key) - 1))
    flip = bytes((value.enc_symm_key[at] ^ data.draw(st.integers(1, 255)),))
    harmed = replace(value, enc_symm_key=value.enc_symm_key[:at] + flip + value.enc_symm_key[at + 1 :])
    with pytest.raises(ProtocolError) as caught:
        open_encrypted_value(harmed, opener())
    assert (caught.value.what, caught.value.why) == (cannot_open().what, cannot_open().why)


def test_another_key_says_nothing_either():
    with pytest.raises(ProtocolError) as caught:
        open_encrypted_value(sealed(), opener(1))
    assert (caught.value.what, caught.value.why) == (cannot_open().what, cannot_open().why)


@pytest.mark.parametrize("lacking", ["symm_alg", "enc_symm_key"])
def test_what_is_missing_is_told(lacking):
    with pytest.raises(ProtocolError, match="does not say"):
        open_encrypted_value(replace(sealed(), **{lacking: None}), opener())


@pytest.mark.parametrize("field", ["symm_alg", "key_alg"])
def test_unknown_algorithms_are_told(field):
    with pytest.raises(Unauthentic, match="do not know"):
        open_encrypted_value(replace(sealed(), **{field: AlgorithmIdentifier(algorithm="1.2.3.4")}), opener())


def test_only_rsa_keys_receive():
    with pytest.raises(ProtocolError, match="RSA"):
        seal_encrypted_value(CONTENT, PrivateKeyDecrypter(key_of("p256")).public_key_info, CountingEntropy())


@given(st.binary(max_size=64))
def test_rubbish_is_no_object(octets):
    try:
        found = first_object(octets)
    except ProtocolError as error:
        assert error.what == cannot_open().what  # noqa: PT017 - both ends are right
    else:
        assert octets.startswith(found)
        assert found[:1] == b"\x30"
