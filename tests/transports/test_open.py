"""A URL chooses its transport."""

from __future__ import annotations

import asyncio

import pytest

from runner.errors import BadInput
from runner.transports.http import HttpTransport
from runner.transports.open import Address, open_transport


def opened(url):
    return open_transport(Address((url,)), concurrency=2, clock=None)


@pytest.mark.parametrize("url", ["http://ca.example/", "https://ca.example/"])
def test_http_urls_open_without_connecting(url):
    transport = opened(url)
    assert isinstance(transport, HttpTransport)
    asyncio.run(transport.close())


def test_a_useless_url_is_bad_input():
    with pytest.raises(BadInput) as caught:
        opened("http://joe:hunter2@ca.example/")
    assert "password" in caught.value.why
    assert "hunter2" not in f"{caught.value} {caught.value.why}"
