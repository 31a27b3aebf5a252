"""Words that are too long for their column are cut where a reader would cut them, and nothing of them is lost."""

from __future__ import annotations

import pytest

from runner.report.record import ErrorRecord, ItemRecord
from runner.report.tables import _folded


@pytest.mark.parametrize(
    ("word", "first"),
    [
        ("far-away-gateway-with-a-name", "far-away-gateway-"),
        ("/srv/pki/plants/tampere/out", "/srv/pki/plants/"),
        ("gateway.example.com.invalid", "gateway.example."),
        ("a-" + "x" * 30, "a-" + "x" * 16),
        ("x" * 40, "x" * 18),
    ],
)
def test_where_a_long_word_is_cut(word, first):
    lines = _folded(word, 18)
    assert lines[0] == first
    assert "".join(lines) == word


def item(what):
    error = ErrorRecord(what, "", "")
    usual = dict.fromkeys(("certificate", "key_path", "key_type", "ended"), None)
    return ItemRecord(
        name="web",
        operation="enroll",
        outcome="failed",
        pki_status="rejection",
        fail_info=("badPOP",),
        status_text="no",
        warnings=(),
        attempts=1,
        duration=0.0,
        error=error,
        **usual,
    )


def test_what_the_error_has_told_is_not_told_twice():
    assert item("the CA refused: rejection (badPOP): no").said == ""
    assert item("the CA refused: rejection (badPOP)").said == 'rejection badPOP "no"'
    assert item("the request was refused").said == 'rejection badPOP "no"'
