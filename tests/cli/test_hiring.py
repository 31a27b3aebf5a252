"""How many processes do the work: one for each core, but for the one that a CA on this machine wants."""

from __future__ import annotations

import pytest

from runner.cli import hiring

FAR, NEAR = "https://ca.example.com/pkix/", "http://127.0.0.1:8080/"


@pytest.mark.parametrize(
    ("urls", "left"),
    [
        ([], 4),
        ([FAR], 4),
        ([NEAR], 3),
        (["http://localhost:8829/"], 3),
        (["http://[::1]:80/pkix"], 3),
        (["tcp://127.0.0.2:829"], 3),
        ([FAR, NEAR, NEAR], 3),
        (["lab:"], 4),
        (["http://10.0.0.1/"], 4),
    ],
)
def test_a_ca_on_this_machine_wants_a_core_too(monkeypatch, urls, left):
    monkeypatch.setattr(hiring, "cores", lambda: 4)
    assert hiring.cores_for_us(urls) == left


def test_one_process_there_always_is(monkeypatch):
    monkeypatch.setattr(hiring, "cores", lambda: 1)
    assert hiring.cores_for_us([NEAR]) == 1
