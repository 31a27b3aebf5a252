"""A request that `openssl cmp` leaves pending at a lab that waits: what POLL of the old tool is for."""

from __future__ import annotations

import subprocess

from runner.asn1.cmp import PKIMessage
from runner.asn1.structures import decode


def left_pending(openssl, folder, peer, key, own=()):
    """The transactionID (hex) of a request for CN=late, whose key is the file `key`.

    It is protected with the lab's secret, or with `own`: the files of a certificate and its key.
    """
    reference, _, secret = peer.lab.psk.partition(":")
    who = ("-ref", reference, "-secret", f"pass:{secret}")
    if own:
        form = () if (folder / own[0]).read_bytes().startswith(b"-----") else ("-inform", "DER")
        _run(folder, openssl, "x509", "-in", own[0], "-out", "who.pem", *form)
        who = ("-cert", "who.pem", "-key", own[1], "-trusted", "ca.pem")
    _run(folder, openssl, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    (folder / key).chmod(0o600)
    number = len(peer.requests)
    where = ("-server", peer.url.removeprefix("http://"), "-no_proxy", "127.0.0.1", "-total_timeout", "1")
    asked = ("-cmd", "cr" if own else "ir", "-newkey", key, "-subject", "/CN=late", "-certout", "never.pem")
    line = [openssl, "cmp", "-config", "", "-batch", *where, *asked, *who]
    done = subprocess.run(line, cwd=folder, capture_output=True, check=False)
    assert not (folder / "never.pem").exists(), done
    return decode(PKIMessage, peer.requests[number]).header.transaction_id.hex()


def _run(folder, *line):
    subprocess.run(line, cwd=folder, check=True, capture_output=True)
