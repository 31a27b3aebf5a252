"""What is under way for an item that has vanished from the manifests is told, not forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from html import unescape

import pytest

from runner.plan.steps import Plan
from runner.report.plan_markdown import plan_markdown
from runner.report.plan_text import plan_text
from runner.report.tables import Layout
from runner.state.inventory import Open, Stage

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
GONE = Open("gone\x1b[2J", "ab", "ir", "digest", Stage.SENT, NOON, key_path="out/gone.prv")


@pytest.mark.parametrize("render", [lambda plan: plan_text(plan, Layout(120)), plan_markdown])
def test_a_plan_tells_of_operations_in_no_manifest(render):
    text = unescape(render(Plan("plant", NOON, (), (GONE,))))
    assert "under way, and in no manifest: gone" in text
    assert "(ir, sent)" in text
    assert "out/gone.prv" in text
    assert "\x1b" not in text
    assert "in no manifest" not in render(Plan("plant", NOON, ()))
