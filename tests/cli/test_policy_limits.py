"""max_issues and max_revocations: shown by plan, refused by apply with exit status 6, counted for what is chosen."""

from __future__ import annotations

import pytest

from runner.cli.main import main

MANIFEST = """\
apiVersion: cmp-batch/v1
policy: {{max_issues: 1, warn: {warn}}}
authorities: {{lab: {{url: "lab:"}}}}
enrollments:
  - name: "web-${{n}}"
    for_each: {{n: [1, 2]}}
    subject: CN=${{name}}
    key: generate://pkcs8@ec:p256/${{name}}
    output: ${{name}}
"""


@pytest.fixture
def run(tmp_path, capsys):
    def go(command, *more, warn="[max_revocations]"):
        (tmp_path / "m.yaml").write_text(MANIFEST.format(warn=warn))
        status = main([command, str(tmp_path / "m.yaml"), *more])
        return status, capsys.readouterr().err

    return go


def test_plan_shows_it(run):
    status, said = run("plan")
    assert status == 2
    assert "policy max_issues: 2 certificates are asked for, of 1 in one apply" in said


def test_apply_refuses_and_does_nothing(run, tmp_path):
    status, said = run("apply", "--yes")
    assert status == 6
    assert "policy max_issues" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.yaml"]


def test_what_is_chosen_is_counted(run, tmp_path):
    status, said = run("apply", "--yes", "--target", "web-2")
    assert status == 0
    assert "policy" not in said
    assert (tmp_path / "web-2-0.crt").exists()
    assert not (tmp_path / "web-1-0.crt").exists()


def test_a_rule_that_only_warns_refuses_nothing(run):
    status, said = run("apply", "--yes", warn="[max_issues]")
    assert status == 0
    assert "warning: policy max_issues" in said
