"""What stands in packaging/ is sound: it parses, its commands are understood, its scripts run with the lab CA."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from support.program import environment

from runner.cli import main

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
UNIT = PACKAGING / "systemd" / "cmp-batch.service"
TIMER = PACKAGING / "systemd" / "cmp-batch.timer"
ACTION = PACKAGING / "github" / "action.yml"
WORKFLOW = PACKAGING / "github" / "workflow.yml"
GITLAB = PACKAGING / "gitlab" / "certificates.yml"
CONTAINERFILE = PACKAGING / "Containerfile"
MANIFEST = """apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
enrollments:
  - {name: web, subject: "C=FI, CN=web", key: "generate://pkcs8@ec:p256/out/web", output: out/web}
"""


def read(path):
    return path.read_text(encoding="utf-8")


def parsed(path):
    """YAML as the servers read it, in which `on` is a word."""
    return yaml.load(read(path), Loader=yaml.BaseLoader)  # noqa: S506 - the loader that makes nothing but text


def understood(argv):
    """Whether our parsers know the command and its options."""
    _, subparsers = main._parsers()
    module = import_module(main.module_of(argv[0]))
    module.add_arguments(subparsers[argv[0]])
    return subparsers[argv[0]].parse_args(argv[1:])


def every_text(value):
    if isinstance(value, dict):
        return [text for one in value.values() for text in every_text(one)]
    return [text for one in value for text in every_text(one)] if isinstance(value, list) else [value]


def commands_in(path):
    words = "\n".join(every_text(parsed(path))).replace("\\\n", " ")
    return [
        re.split(r"\s*(?:>|\|\||;|&&)", found)[0]
        for found in re.findall(r"^(?:.*\) )?cmp-batch (.+)$", words, re.MULTILINE)
    ]


@pytest.mark.parametrize("path", [ACTION, WORKFLOW, GITLAB], ids=lambda path: path.name)
def test_the_commands_of_a_pipeline_are_understood(path):
    commands = [command for command in commands_in(path) if command.split()[0] in main.COMMANDS]
    assert {command.split()[0] for command in commands} >= {"plan", "apply"}
    for command in commands:
        understood(shlex.split(command))


@pytest.mark.parametrize("path", [ACTION, WORKFLOW], ids=lambda path: path.name)
def test_nothing_of_a_strangers_is_pasted_into_a_script(path):
    """`${{ … }}` inside `run` is how the name of a branch becomes a command."""
    content = parsed(path)
    steps = content["runs"]["steps"] if "runs" in content else [s for j in content["jobs"].values() for s in j["steps"]]
    assert not [step["run"] for step in steps if "${{" in step.get("run", "")]
    assert "pull_request_target" not in read(path)


def test_the_job_that_plans_gets_no_secret():
    jobs = parsed(WORKFLOW)["jobs"]
    assert "secrets." not in json.dumps(jobs["plan"])
    assert "pull_request" in jobs["plan"]["if"]
    assert jobs["apply"]["environment"] == "pki"


def script_of(path, folder, script, **more):
    """A script of a pipeline, run as its server does."""
    path_ = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    (folder / "state").mkdir(exist_ok=True)
    text = script.replace("/var/lib/cmp-batch", str(folder / "state"))
    variables = environment(PATH=path_, GITHUB_STEP_SUMMARY=str(folder / "summary"), **more)
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", text],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{path.name}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def checkout_of_manifests(tmp_path):
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "web.yaml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


def test_the_workflow_plans_and_applies(checkout_of_manifests):
    folder, jobs = checkout_of_manifests, parsed(WORKFLOW)["jobs"]
    steps = {step["name"]: step["run"] for job in jobs.values() for step in job["steps"] if "run" in step}
    script_of(WORKFLOW, folder, steps["Plan"])
    assert "1 to enroll" in read(folder / "plan.md")
    assert not (folder / "state" / "state.db").exists()
    script_of(WORKFLOW, folder, steps["Apply"], LINE7_PSK="")
    script_of(WORKFLOW, folder, steps["Report"])
    assert "1 issued" in read(folder / "summary")
    assert (folder / "state" / "out" / "web-0.crt").exists()


@pytest.mark.parametrize("command", ["validate", "plan", "apply"])
def test_the_action_runs_every_command(checkout_of_manifests, command):
    folder = checkout_of_manifests
    run = next(step for step in parsed(ACTION)["runs"]["steps"] if step.get("id") == "run")["run"]
    output = folder / "output"
    script_of(ACTION, folder, run, COMMAND=command, TARGET="manifests", REPORT="report.md", GITHUB_OUTPUT=str(output))
    assert read(output) == f"status={2 if command == 'plan' else 0}\n"
    assert (folder / "report.md").exists() == (command != "validate")


def test_the_template_of_gitlab_plans_and_applies(checkout_of_manifests):
    folder, jobs = checkout_of_manifests, parsed(GITLAB)
    variables = jobs[".certificates"]["variables"]
    state = variables["STATE"].replace("/var/lib/cmp-batch", str(folder / "state"))
    given = {"STATE": state, "MANIFESTS": variables["MANIFESTS"], "CI_PROJECT_DIR": str(folder)}
    for name in ("plan certificates", "apply certificates"):
        assert jobs[name]["extends"] == ".certificates"
        script_of(GITLAB, folder, "\n".join(jobs[name]["script"]), **given)
    assert "1 to enroll" in read(folder / "plan.md")
    assert "<testcase" in read(folder / "report.xml")
    assert (folder / "report.html").exists()


def test_the_hook_of_pre_commit_takes_manifests():
    (hook,) = parsed(ROOT / ".pre-commit-hooks.yaml")
    understood([*hook["entry"].split()[1:], "x.yaml"])
    fits = re.compile(hook["files"]).search
    assert all(map(fits, ("cmp-batch.yaml", "site/plant.cmp-batch.yml", "manifests/a/b.yaml")))
    assert not any(map(fits, ("docker-compose.yaml", "docs/manifests.md", "manifests/hosts.csv")))


def test_the_schema_is_ready_for_schemastore():
    entry = json.loads(read(PACKAGING / "schemastore" / "catalog-entry.json"))
    schema = json.loads(read(ROOT / "schemas" / "manifest.schema.json"))
    assert entry["url"] == schema["$id"]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"cmp-batch.yaml", "*.cmp-batch.yaml"} <= set(entry["fileMatch"])
    assert set(entry) == {"name", "description", "fileMatch", "url"}


def directives(path):
    """(key, value) of a unit file, comments left out."""
    return [line.partition("=")[::2] for line in read(path).splitlines() if "=" in line and not line.startswith("#")]


def test_systemd_understands_the_units(tmp_path):
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    for path in (UNIT, TIMER):
        shutil.copy(path, tmp_path)
    command = [tool, "verify", "--man=no", tmp_path / UNIT.name, tmp_path / TIMER.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_can_write_its_state_and_nothing_else():
    unit = dict(directives(UNIT))
    assert {unit[key] for key in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome")} == {"yes"}
    assert (unit["ProtectSystem"], unit["CapabilityBoundingSet"], unit["UMask"]) == ("strict", "", "0077")
    assert unit["User"] == unit["StateDirectory"] == "cmp-batch"
    assert "ReadWritePaths" not in unit


def test_the_command_of_the_service_renews(tmp_path):
    for name in ("etc", "lib"):
        (tmp_path / name).mkdir()
    (tmp_path / "etc" / "web.yaml").write_text(MANIFEST, encoding="utf-8")
    command = dict(directives(UNIT))["ExecStart"]
    command = command.replace("/etc/cmp-batch", str(tmp_path / "etc")).replace(
        "/var/lib/cmp-batch", str(tmp_path / "lib")
    )
    variables = environment(PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    done = subprocess.run(shlex.split(command), env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "etc").iterdir()] == ["web.yaml"]
    assert {".cmp-batch", "out", "last.json", "cmp-batch.prom"} <= {path.name for path in (tmp_path / "lib").iterdir()}


def test_the_container_has_no_root_and_copies_what_is_there():
    lines = [line for line in read(CONTAINERFILE).replace("\\\n", "").splitlines() if not line.startswith("#")]
    last = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]
    assert [line for line in last if line.startswith("USER ")] == ["USER 10001:10001"]
    assert [json.loads(line.split(" ", 1)[1]) for line in last if line.startswith("ENTRYPOINT ")] == [["cmp-batch"]]
    copied = [word for line in lines if re.match(r"COPY (?!--)", line) for word in line.split()[1:-1]]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_a_read_only_root_is_no_hindrance(tmp_path):
    """As in the container: everything is read-only but the folder of the manifests, and there is no home."""
    (tmp_path / "web.yaml").write_text(MANIFEST, encoding="utf-8")
    away = f"mount --bind {tmp_path} {tmp_path} && mount -o remount,bind,ro / && cd {tmp_path}"
    confined = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*confined, away], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a mount namespace")
    command = f"{away} && ! touch {ROOT}/x && exec {sys.executable} -m runner apply --yes web.yaml"
    variables = environment(HOME="/nonexistent", PYTHONPATH=str(ROOT), PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run([*confined, command], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out" / "web-0.crt").exists()
