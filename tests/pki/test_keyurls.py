"""Key URLs: every form of every manual, exact round trips, mistakes with their place, and never a secret in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.pki.keyspecs import FIXED, KeySpec
from runner.pki.keyurls import BadKeyUrl, KeyUrl, parse_key_url
from runner.pki.savetypes import SAVE_TYPES, Passphrase

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "path", "savetype", "spec", "passphrase"),
    [
        ("generate://pkcs8@rsa:1024/initial", "initial.prv", "pkcs8", "rsa:1024", ""),  # the manual's example
        ("generate://pkcs8@rsa:2048//abs/web", "/abs/web.prv", "pkcs8", "rsa:2048", ""),
        ("GENERATE://PKCS8@RSA:2048/x", "x.prv", "pkcs8", "rsa:2048", ""),
        ("generate://ssh2@rsa/x", "x.prv", "ssh2", "rsa:3072", ""),
        ("generate://secsh2:p@dsa:1024/x", "x.prv", "ssh2", "dsa:1024", "p"),
        ("generate://secsh@rsa:2048/x", "x.prv", "ssh2", "rsa:2048", ""),
        ("generate://ssh1:p%40%2F@rsa:1024/x", "x.prv", "ssh1", "rsa:1024", "p@/"),
        ("generate://secsh1@rsa:1024/x", "x.prv", "ssh1", "rsa:1024", ""),
        ("generate://pkcs1@dsa:2048/x", "x.prv", "pkcs1", "dsa:2048", ""),
        ("generate://pkcs8s:${env:PASS}@ec:p384/x", "x.prv", "pkcs8s", "ec:p384", "${env:PASS}"),
        ("generate://pkcs8s:${file:/run/a@b/c}@ec/x", "x.prv", "pkcs8s", "ec:p256", "${file:/run/a@b/c}"),
        ("generate://x509@ec:brainpoolP256r1/x", "x.prv", "x509", "ec:brainpoolp256r1", ""),
        ("generate://sec1@ec:bp384/x", "x.prv", "sec1", "ec:brainpoolp384r1", ""),
        ("generate://openssh:p@ed25519/x", "x.prv", "openssh", "ed25519", "p"),
        ("generate://pkcs12:p@ed448/x", "x.prv", "pkcs12", "ed448", "p"),
        ("generate://jwk@ec:secp256k1/x", "x.prv", "jwk", "ec:secp256k1", ""),
        ("generate://pkcs8@ml-dsa-65/x", "x.prv", "pkcs8", "ml-dsa-65", ""),
        ("generate://pkcs8@ML-KEM:768/x%20y", "x y.prv", "pkcs8", "ml-kem-768", ""),
        ("generate://pkcs8s:[fe80::1]@rsa:2048/x", "x.prv", "pkcs8s", "rsa:2048", "[fe80::1]"),
        ("generate://pkcs8@rsa:2048/[::1]/x", "[::1]/x.prv", "pkcs8", "rsa:2048", ""),
    ],
)
def test_keys_to_be_made(text, path, savetype, spec, passphrase):
    url = parse_key_url(text)
    assert (url.path, url.savetype, str(url.spec), url.passphrase) == (path, savetype, spec, passphrase)
    assert url.generates
    assert url.is_file
    assert parse_key_url(url.revealed()) == url


@pytest.mark.parametrize(
    ("text", "path", "passphrase"),
    [
        ("file://secret/dir/key.prv", "dir/key.prv", "secret"),  # 5.1 and later: relative
        ("file://secret//dir/key.prv", "/dir/key.prv", "secret"),  # 5.0: absolute
        ("file:/dir/key.prv", "/dir/key.prv", ""),
        ("file:dir/key.prv", "dir/key.prv", ""),
        ("file:///dir/key.prv", "/dir/key.prv", ""),  # RFC 8089
        ("dir/key.prv", "dir/key.prv", ""),
        ("/dir/key.prv", "/dir/key.prv", ""),
        ("file:a%20b%25", "a b%", ""),
        ("a%20b", "a%20b", ""),  # a bare path is itself
        ("file://${file:/run/secrets/p}/key.prv", "key.prv", "${file:/run/secrets/p}"),
        ("file://[::1]:99/key.prv", "key.prv", "[::1]:99"),
        ("C:/keys/a.prv", "C:/keys/a.prv", ""),
        ("file:raw%FF", "raw\udcff", ""),
    ],
)
def test_keys_that_exist(text, path, passphrase):
    url = parse_key_url(text)
    assert (url.path, url.passphrase, url.generates, url.kept) == (path, passphrase, False, "file")
    assert parse_key_url(url.revealed()) == url


def test_keys_in_variables():
    url = parse_key_url("env:WEB_KEY")
    assert (url.kept, url.path, str(url), url.is_file) == ("env", "env:WEB_KEY", "env:WEB_KEY", False)


@pytest.mark.parametrize(
    ("text", "canonical", "pin"),
    [
        ("pkcs11:token=a;object=b?pin-source=env:PIN", "pkcs11:token=a;object=b", "${env:PIN}"),
        ("pkcs11:object=b;token=a?pin-source=file:/run/pin", "pkcs11:token=a;object=b", "${file:/run/pin}"),
        ("pkcs11:object=b?pin-source=/run/pin", "pkcs11:object=b", "${file:/run/pin}"),
        ("pkcs11:id=%00%ff;serial=7", "pkcs11:serial=7;id=%00%FF", ""),
        ("PKCS11:object=a%3Bb;type=private?pin-value=12%2F4", "pkcs11:object=a%3Bb", "12/4"),
        (
            "pkcs11:object=b?module-path=/usr/lib/m.so&pin-value=${env:PIN}",
            "pkcs11:object=b?module-path=%2Fusr%2Flib%2Fm.so",
            "${env:PIN}",
        ),
    ],
)
def test_keys_in_tokens(text, canonical, pin):
    url = parse_key_url(text)
    assert (url.path, url.passphrase, url.kept) == (canonical, pin, "token")
    assert parse_key_url(url.revealed()) == url


def test_keys_to_be_made_in_tokens():
    url = parse_key_url("generate://pkcs11:${env:PIN}@ec:p256/token=a;object=b?module-name=softhsm2")
    assert (url.path, url.savetype) == ("pkcs11:token=a;object=b?module-name=softhsm2", "pkcs11")
    assert (url.passphrase, url.kept, str(url.spec)) == ("${env:PIN}", "token", "ec:p256")
    assert str(url) == "generate://pkcs11:***@ec:p256/token=a;object=b?module-name=softhsm2"
    assert parse_key_url(url.revealed()) == url


@pytest.mark.parametrize(
    ("text", "position", "part"),
    [
        ("", 1, "missing"),
        ("file:", 6, "missing"),
        ("file://x", 9, "missing"),
        ("foo:bar", 1, "unknown kind"),
        ("generate:x", 10, "is written"),
        ("generate://pkcs8", 17, "is written"),
        ("generate://pkcs8@rsa", 21, "is written"),
        ("generate://pkc8@rsa/x", 12, "did you mean pkcs8"),
        ("generate://pkcs8@rsaa/x", 18, "did you mean rsa"),
        ("generate://pkcs8@rsa:77/x", 18, "from 1024 to 8192"),
        ("generate://pkcs8@rsa:9000/x", 18, "from 1024 to 8192"),
        ("generate://pkcs8@dsa:4096/x", 18, "1024, 2048, 3072"),
        ("generate://pkcs8@ec:p255/x", 18, "did you mean p256"),
        ("generate://pkcs8@ed25519:7/x", 18, "one size"),
        ("generate://ssh1@ec:p256/x", 12, "ssh1 holds rsa only"),
        ("generate://ssh2@ed25519/x", 12, "use pkcs8"),
        ("generate://openssh@dsa:2048/x", 12, "openssh holds"),
        ("generate://jwk@dsa/x", 12, "jwk holds"),
        ("generate://pkcs8s@rsa/x", 12, "needs a passphrase"),
        ("generate://pkcs12@rsa/x", 12, "needs a passphrase"),
        ("generate://pkcs11@rsa/token=a", 23, "label"),
        ("pkcs11:token=a", 8, "not named"),
        ("pkcs11:slot-id=1", 8, "not named"),
        ("pkcs11:object=a;object=b", 8, "twice"),
        ("pkcs11:object=a;colour=b", 8, "unknown attribute"),
        ("pkcs11:object=a?pin-source=|cat", 8, "command"),
        ("pkcs11:object=a;type=cert", 8, "private"),
        ("env:", 5, "name of a variable"),
        ("env:A B", 5, "name of a variable"),
    ],
)
def test_a_mistake_is_answered_with_its_place_and_the_nearest_form(text, position, part):
    with pytest.raises(BadKeyUrl, match=part) as caught:
        parse_key_url(text)
    assert caught.value.position == position
    assert f"at character {position}" in str(caught.value)
    assert caught.value.next_step


@pytest.mark.parametrize(
    "text",
    [
        f"generate://pkcs1:{SECRET}@rsa/x",
        f"generate://nothing:{SECRET}@rsa/x",
        f"generate://pkcs8s:{SECRET}@rsa",
        f"generate://pkcs8s:{SECRET}@{SECRET}@rsa/x",
        f"generate://pkcs8s:a@{SECRET}/b@rsa:2048/x",
        f"generate://pkcs8s:{SECRET}/b@rsa:2048/x",
        f"generate://pkcs8s:a@{SECRET}",
        f"generate://pkcs8s:${{{SECRET}@rsa:2048/x",
        f"file://{SECRET}",
        f"pkcs11:token=a?pin-value={SECRET}",
        f"pkcs11:object=a?pin-value={SECRET}&pin-source=file:{SECRET}",
        f"generate://pkcs11:{SECRET}@rsa/object=a?pin-value={SECRET}",
        f"env:{SECRET} ",
    ],
)
def test_no_mistake_tells_the_secret(text):
    with pytest.raises(BadKeyUrl) as caught:
        parse_key_url(text)
    assert SECRET not in f"{caught.value}{caught.value.next_step}"


@pytest.mark.parametrize(
    "text",
    [
        f"generate://pkcs8s:{SECRET}@rsa/x",
        f"file://{SECRET}/k",
        f"pkcs11:object=a?pin-value={SECRET}",
        f"generate://pkcs11:{SECRET}@rsa/object=a",
        f"file://${{file:{SECRET}}}/k",
    ],
)
def test_printing_redacts(text):
    url = parse_key_url(text)
    assert SECRET not in f"{url} {url!r}"
    assert "***" in str(url)


paths = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1).map(
    lambda text: "/" + text.lstrip("/") if text.startswith("/") else text
)
secrets = st.text(st.characters(exclude_categories=("Cs",))).filter(lambda text: not text.startswith("${"))
references = st.from_regex(r"\$\{(env:[A-Z_]{1,9}|file:[^{}\s]{1,20})\}", fullmatch=True)
specs = st.sampled_from([KeySpec("rsa", "2048"), KeySpec("dsa", "1024"), KeySpec("ec", "p521"), *map(KeySpec, FIXED)])


@given(paths.filter(lambda text: text != "/"), secrets | references)
def test_any_file_comes_back_exactly(path, passphrase):
    url = KeyUrl(path=path, passphrase=passphrase)
    assert parse_key_url(url.revealed()) == url
    assert parse_key_url(parse_key_url(url.revealed()).revealed()) == url


@given(paths, secrets | references, specs, st.sampled_from(list(SAVE_TYPES.values())))
def test_any_key_to_be_made_comes_back_exactly(path, passphrase, spec, savetype):
    if savetype.name == "pkcs11" or not savetype.can_hold(spec):
        return
    if savetype.seals is Passphrase.NONE:
        passphrase = ""
    elif savetype.seals is Passphrase.REQUIRED:
        passphrase = passphrase or "p"
    url = KeyUrl(path=path + ".prv", savetype=savetype.name, spec=spec, passphrase=passphrase)
    assert parse_key_url(url.revealed()) == url


@given(st.text() | st.text().map("generate://".__add__) | st.text().map("pkcs11:".__add__))
def test_any_text_is_read_or_refused(text):
    url, position = None, 1
    try:
        url = parse_key_url(text)
    except BadKeyUrl as problem:
        position = problem.position
    assert 1 <= position <= len(text) + 1
    assert url is None or parse_key_url(url.revealed()) == url
