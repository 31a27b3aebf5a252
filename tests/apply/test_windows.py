"""An apply outside of the windows of its strategy is refused before anything happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from runner.cli.main import main

MANIFEST = """\
apiVersion: cmp-batch/v1
strategy: {{windows: [{{days: [{day}]}}]}}
authorities: {{lab: {{url: "lab:"}}}}
enrollments: [{{name: web, subject: CN=a, key: "generate://pkcs8@ec:p256/out/a", output: out/a}}]
"""


def day(offset):
    return f"{datetime.now(UTC) + timedelta(days=offset):%a}".lower()


def test_a_closed_window_refuses_and_an_open_one_does_not(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    manifest = tmp_path / "m.yaml"
    manifest.write_text(MANIFEST.format(day=day(3)))
    assert main(["apply", "--yes", "m.yaml"]) == 6
    assert "the next opens at" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["m.yaml"]
    manifest.write_text(MANIFEST.format(day=f"{day(-1)}, {day(0)}, {day(1)}"))
    assert main(["apply", "--yes", "m.yaml"]) == 0
    manifest.write_text(MANIFEST.format(day=day(3)))
    assert main(["apply", "--yes", "m.yaml"]) == 0  # nothing is left to do
