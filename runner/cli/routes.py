"""From what a manifest says about reaching an authority to an address of runner.transports.

The files of TLS, the passwords of proxies and servers, and the environment's proxies are read here, when something is
about to be done; the manifest and the transports do not know each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.errors import BadInput
from runner.execute.reading import read_certificates
from runner.keystores.formats import write_private_key
from runner.keystores.keys import private_key_of
from runner.manifest.reach import FROM_ENVIRONMENT
from runner.pki.certificates import to_pem
from runner.transports.dial import Reach
from runner.transports.http import HttpSettings
from runner.transports.open import Address
from runner.transports.proxies import DIRECT, Route, parse_proxy, route_of_environment
from runner.transports.tls import Identity, TlsSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runner.keystores.secrets import SecretReader
    from runner.manifest.credentials import Login
    from runner.manifest.model import Authority
    from runner.manifest.reach import Tls


def address_of(
    authority: Authority,
    logins: Mapping[str, Login],
    secrets: SecretReader,
    environ: Mapping[str, str],
) -> Address:
    """Where and how an authority is reached. Raises BadInput, KeyStoreError and SecretError, and Refused."""
    wish = authority.reach
    if wish.folder is not None:
        return Address(folder=Path(wish.folder), reach=Reach(max_answer=authority.limits.max_answer))
    return Address(
        urls=(authority.url, *wish.further),
        reach=_reach(authority, logins, secrets, environ),
        http=_http(authority, logins, secrets),
        well_known=wish.http.well_known,
        old_framing=wish.old_framing,
    )


def _reach(
    authority: Authority,
    logins: Mapping[str, Login],
    secrets: SecretReader,
    environ: Mapping[str, str],
) -> Reach:
    limits = authority.limits
    return Reach(
        timeout=limits.timeout,
        connect=limits.connect_timeout,
        first_octet=limits.first_byte_timeout,
        max_answer=limits.max_answer,
        tls=_tls(authority.reach.tls, secrets),
        route=_route(authority, logins, secrets, environ),
    )


def _route(
    authority: Authority, logins: Mapping[str, Login], secrets: SecretReader, environ: Mapping[str, str]
) -> Route:
    wish = authority.reach
    if wish.proxy is None:
        return DIRECT
    try:
        if wish.proxy.url == FROM_ENVIRONMENT:
            route = route_of_environment(environ, authority.url.partition(":")[0])
            return Route(route.proxy, (*route.no_proxy, *wish.no_proxy))
        user, password = _login(wish.proxy.login, logins, secrets)
        return Route(parse_proxy(wish.proxy.url, user=user, password=password), wish.no_proxy)
    except ValueError as error:
        source = "the environment" if wish.proxy.url == FROM_ENVIRONMENT else "`proxy:`"
        raise BadInput("The proxy cannot be used", why=str(error), next_step=f"correct it in {source}") from None


def _login(name: str | None, logins: Mapping[str, Login], secrets: SecretReader) -> tuple[str, str]:
    if name is None:
        return "", ""
    login = logins[name]
    password = secrets.read(login.secret.kind, login.secret.value)
    return login.user, password.reveal().decode("utf-8", "replace")


def _tls(wish: Tls, secrets: SecretReader) -> TlsSettings:
    anchors = [to_pem(certificate.der) for path in wish.trust for certificate in read_certificates(path)]
    return TlsSettings(
        trust=b"".join(anchors).decode("ascii"),
        identity=_identity(wish, secrets),
        server_name=wish.server_name,
        pins=wish.pins,
    )


def _identity(wish: Tls, secrets: SecretReader) -> Identity | None:
    """Our chain and key. A key in a token stays there, and Python's ssl has no way to hand it a signature."""
    if wish.certificate is None or wish.key is None:
        return None
    if wish.key.kept == "token":
        raise BadInput(
            "A key in a token cannot be used for TLS",
            why="Python's TLS takes private keys from files alone",
            next_step="let a TLS proxy on this machine (stunnel, for example) use the key, and point `url:` at it",
        )
    chain = b"".join(to_pem(certificate.der) for certificate in read_certificates(wish.certificate))
    return Identity(chain, write_private_key(private_key_of(wish.key, secrets), "pkcs8"))


def _http(authority: Authority, logins: Mapping[str, Login], secrets: SecretReader) -> HttpSettings:
    wish = authority.reach.http
    user, password = _login(wish.login, logins, secrets)
    return HttpSettings(
        user=user,
        password=password,
        headers=wish.headers,
        http10=wish.http10,
        absolute_uri=wish.absolute_uri,
        labels=wish.labels,
    )
