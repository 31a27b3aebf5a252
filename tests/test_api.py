"""The library: what others import, what it takes and gives, and that nothing of it is printed."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest

import runner
from runner import BadInput, Outcome, Refused, Verb, api, apply, load, plan, render

STABLE = {
    *("BadInput", "CmpBatchError", "Diagnostic", "Document", "Failure", "Outcome", "Place", "Plan", "Reason"),
    *("Refused", "Result", "Run", "StateError", "Step", "Verb", "apply", "load", "plan", "render"),
}
MANIFEST = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
enrollments:
  - {name: web-a, subject: "CN=${site}", key: "generate://pkcs8@ec:p256/out/a", output: out/a}
  - {name: web-b, subject: CN=b, key: "generate://pkcs8@ec:p256/out/b", output: out/b}
"""


@pytest.fixture
def manifest(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text(MANIFEST)
    return path


def test_the_stable_names_are_these():
    assert set(api.__all__) == STABLE
    assert {name: getattr(runner, name) for name in STABLE} == {name: getattr(api, name) for name in STABLE}
    stub = (Path(runner.__file__).with_name("__init__.pyi")).read_text()
    assert all(f"    {name} as {name},\n" in stub for name in STABLE)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = runner.nothing


def test_a_manifest_is_loaded_planned_and_applied_without_a_word(manifest, capfd):
    document = load(manifest, variables={"site": "north"})
    assert [step.verb for step in plan(document).steps] == [Verb.ENROLL, Verb.ENROLL]
    heard = []
    run = apply(document, on_result=heard.append)
    assert [result.outcome for result in run.results] == [Outcome.ISSUED] * 2
    assert sorted(result.name for result in heard) == ["web-a", "web-b"]
    assert (manifest.parent / "out/a-0.crt").exists()
    assert not plan(document).changes
    assert json.loads(render(run))["summary"]["issued"] == 2
    assert "<testsuites" in render(run, "junit")
    assert capfd.readouterr() == ("", "")


def test_targets_and_another_state(manifest, tmp_path):
    document, state = load(manifest, variables={"site": "x"}), tmp_path / "elsewhere" / "state.db"
    state.parent.mkdir()
    run = apply(document, targets=["web-b"], state=state)
    assert [result.name for result in run.results] == ["web-b"]
    assert state.exists()
    assert not (manifest.parent / ".cmp-batch/state.db").exists()


def test_what_is_wrong_is_raised_with_its_places(manifest):
    with pytest.raises(BadInput) as refused:
        load(manifest)
    (finding,) = refused.value.diagnostics
    assert finding.summary == "undefined variable 'site'"
    assert (finding.place.line, finding.place.column) == (4, 32)


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, runner; print(sorted(name for name in sys.modules if name.startswith('runner')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['runner']"


def test_the_process_of_others_stays_as_it_was(manifest):
    """Whoever embeds us keeps his own garbage collection, and his own hand-overs between threads."""
    before = sys.getswitchinterval(), gc.get_threshold(), gc.get_freeze_count()
    apply(load(manifest, variables={"site": "a"}))
    assert (sys.getswitchinterval(), gc.get_threshold(), gc.get_freeze_count()) == before


def test_the_policy_holds_for_the_library_too(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text(MANIFEST.replace("enrollments:", "policy: {max_issues: 1}\nenrollments:"))
    document = load(path, variables={"site": "x"})
    with pytest.raises(Refused, match="max_issues"):
        apply(document)
    assert [file.name for file in tmp_path.iterdir()] == ["m.yaml"]
    assert len(apply(document, targets=["web-a"]).results) == 1
