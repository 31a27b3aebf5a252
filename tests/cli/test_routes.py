"""What a manifest says about reaching an authority, in the transports' own terms: files, secrets, the environment."""

from __future__ import annotations

import pytest
from support.pki import Pki

from runner.cli.routes import address_of
from runner.errors import BadInput, CmpBatchError, SecretError
from runner.keystores.secrets import SecretReader
from runner.manifest.load import load_manifest
from runner.transports.open import endpoints_of, open_transport
from runner.transports.proxies import DIRECT


@pytest.fixture
def address(tmp_path):
    """`address(entry, **environ)` → the Address of an authority with this entry (YAML in flow style)."""

    def make(entry, **environ):
        manifest = tmp_path / "m.yaml"
        manifest.write_text(
            f"apiVersion: cmp-batch/v1\nauthorities: {{ca: {{{entry}}}}}\n"
            "credentials: {gate: {user: joe, password: {env: GATE}}}\n"
        )
        document = load_manifest([manifest])
        secrets = SecretReader(tmp_path, environ, False)
        return address_of(document.authorities["ca"], document.logins, secrets, environ)

    return make


def test_limits_become_patience(address):
    limits = "{timeout: 1m, connect_timeout: 5s, first_byte_timeout: 20s, max_answer: 2048}"
    reach = address(f"url: 'http://ca.example/', limits: {limits}").reach
    assert (reach.timeout, reach.connect, reach.first_octet, reach.max_answer) == (60, 5, 20, 2048)


def test_all_urls_are_endpoints_with_the_well_known_path(address):
    found = endpoints_of(address("url: ['https://a.example', 'https://b.example'], http: {well_known: true}"))
    assert [str(endpoint) for endpoint in found] == [
        "https://a.example/.well-known/cmp",
        "https://b.example/.well-known/cmp",
    ]


def test_a_password_is_read_when_it_is_needed_and_shown_to_nobody(address):
    made = address("url: 'https://ca.example', proxy: {url: 'socks5://gate', credential: gate}", GATE="hunter2")
    assert (made.reach.route.proxy.user, made.reach.route.proxy.password) == ("joe", "hunter2")
    assert "hunter2" not in repr(made)


def test_a_password_that_is_missing_is_told(address):
    with pytest.raises(SecretError, match="GATE"):
        address("url: 'https://ca.example', http: {credential: gate}")


def test_a_password_that_socks_cannot_carry_is_told_and_not_shown(address):
    with pytest.raises(BadInput) as caught:
        address("url: 'https://ca.example', proxy: {url: 'socks5://gate', credential: gate}", GATE="hunter2é")
    assert "ASCII" in caught.value.why
    assert "hunter2" not in f"{caught.value.what} {caught.value.why} {caught.value.next_step}"


def test_the_environment_counts_only_where_it_is_asked_for(address):
    environ = {"https_proxy": "http://proxy:3128", "no_proxy": "internal"}
    assert address("url: 'https://ca.example'", **environ).reach.route == DIRECT
    route = address("url: 'https://ca.example', proxy: environment, no_proxy: other", **environ).reach.route
    assert str(route.proxy) == "http://proxy:3128"
    assert route.no_proxy == ("internal", "other")


def test_a_wrong_environment_is_told(address):
    with pytest.raises(BadInput, match="proxy cannot be used") as caught:
        address("url: 'https://ca.example', proxy: environment", https_proxy="ftp://proxy")
    assert "environment" in caught.value.next_step


def test_tls_gets_anchors_and_a_key_of_any_format(address, tmp_path):
    pki = Pki(tmp_path)
    pki.client()
    made = address(
        "url: 'https://ca.example', tls: {trust: tls-ca.pem, certificate: client.crt, key: 'file:client.prv',"
        " server_name: ca.internal}"
    )
    assert made.reach.tls.trust == pki.anchors
    assert made.reach.tls.server_name == "ca.internal"
    open_transport(made, concurrency=1, clock=None)  # which loads the pair, and raises where it is none
    assert "PRIVATE" not in repr(made)


def test_a_key_of_another_certificate_is_told_before_anything_is_sent(address, tmp_path):
    pki = Pki(tmp_path)
    pki.client()
    (tmp_path / "other").mkdir()
    _, key = Pki(tmp_path / "other").issue("other")
    (tmp_path / "client.prv").write_bytes(key)
    made = address("url: 'https://ca.example', tls: {certificate: client.crt, key: 'file:client.prv'}")
    with pytest.raises(BadInput) as caught:
        open_transport(made, concurrency=1, clock=None)
    assert "do not belong together" in caught.value.why


def test_a_key_in_a_token_is_refused_with_another_way(address, tmp_path):
    Pki(tmp_path).client()
    with pytest.raises(CmpBatchError) as caught:
        address("url: 'https://ca.example', tls: {certificate: client.crt, key: 'pkcs11:object=tls'}")
    assert "TLS proxy" in caught.value.next_step


def test_a_couriers_folder_needs_nothing_else(address, tmp_path):
    made = address("transport: {folder: spool}")
    assert made.folder == tmp_path / "spool"
    assert made.urls == ()
