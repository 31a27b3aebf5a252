"""`cmp-batch doctor` from the command line: what it prints, what it exits with, and the entry that fits."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
import yaml
from support.fronts import Front
from support.gates import free_port

from runner.cli import exits
from runner.cli.checkup.findings import STEPS
from runner.cli.main import main


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A lab in a process of its own: (URL, TCP URL, PSK, the CA's file)."""
    folder = tmp_path_factory.mktemp("lab") / "lab"
    command = [sys.executable, "-m", "runner", "lab", "serve", "--dir", str(folder), "--tcp-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    facts = dict(process.stdout.readline().split(maxsplit=1) for _ in range(4))
    yield facts["URL"].strip(), facts["TCP"].strip(), facts["PSK"].strip(), folder / "ca.pem"
    process.kill()
    process.communicate()


@pytest.fixture
def manifest(tmp_path, served, monkeypatch):
    """`manifest(url=…, …)` → a manifest with one authority, `plant`."""
    monkeypatch.setenv("PLANT_PSK", served[2])
    shutil.copy(served[3], tmp_path / "ca.pem")

    def write(**entry):
        path = tmp_path / "plant.yaml"
        plant = {"trust": ["ca.pem"], "credential": "line-7", **entry}
        credentials = {"line-7": {"psk": {"env": "PLANT_PSK"}}}
        path.write_text(
            yaml.safe_dump({"apiVersion": "cmp-batch/v1", "authorities": {"plant": plant}, "credentials": credentials})
        )
        return str(path)

    return write


def steps(said):
    """step → verdict, as printed."""
    lines = [line for line in said.splitlines() if line and not line.startswith(" ")]
    return {line[:16].strip(): line[16:25].strip() for line in lines if line[:16].strip() in STEPS}


@pytest.mark.parametrize("index", [0, 1])
def test_a_sound_authority_is_told_step_by_step(manifest, served, capsys, index):
    assert main(["doctor", manifest(url=served[index]), "plant"]) == exits.OK
    said = capsys.readouterr().out
    assert list(steps(said)) == list(STEPS)
    assert steps(said)["genm"] == steps(said)["protection"] == steps(said)["clock"] == "ok"


def test_a_failure_says_whose_it_is_and_what_to_do(manifest, capsys):
    assert main(["doctor", manifest(url=f"http://127.0.0.1:{free_port()}/")]) == exits.FAILED
    said = capsys.readouterr().out
    assert steps(said)["connection"] == "failed"
    assert steps(said)["genm"] == "skipped"
    assert "whose: the CA" in said
    assert "next: check the port" in said


def test_an_address_alone_is_examined_without_a_credential(served, capsys):
    assert main(["doctor", served[0]]) == exits.OK
    said = capsys.readouterr().out
    assert steps(said)["protection"] == "skipped"


def test_the_entry_that_fits_is_written_with_the_remedy_that_helped(manifest, served, tmp_path, capsys):
    with Front(served[0]).serving() as front:
        front.answer_to = lambda request, body: (
            (200, {"Content-Type": "application/pkixcmp"}, front.forwarded(body))
            if request.path == "/pkix/"
            else (404, {}, b"")
        )
        url = f"http://127.0.0.1:{front.port}/pkix"
        path = manifest(url=url, limits={"timeout": "20s"}, http={"headers": {"X-Tenant": "a"}})
        assert main(["doctor", path, "--write-profile"]) == exits.FAILED
        said = capsys.readouterr().out
        assert f"next: write `url: {url}/`: tried, and it helps" in said
        entry = said[said.index("authorities:") :]
        assert yaml.safe_load(entry)["authorities"]["plant"] == {
            "url": f"{url}/",
            "trust": ["ca.pem"],
            "http": {"headers": {"X-Tenant": "a"}},
            "version": 2,
            "credential": "line-7",
            "limits": {"timeout": "20s"},
        }
        fitting = tmp_path / "fitting.yaml"
        credentials = "credentials: {line-7: {psk: {env: PLANT_PSK}}}\n"
        fitting.write_text(f"apiVersion: cmp-batch/v1\n{credentials}{entry}")
        assert main(["doctor", str(fitting), "plant"]) == exits.OK


def test_each_url_of_several_is_examined(manifest, served, capsys):
    urls = [f"http://127.0.0.1:{free_port()}/", served[0]]
    assert main(["doctor", manifest(url=urls), "plant"]) == exits.OK
    said = capsys.readouterr().out
    assert [line for line in said.splitlines() if line.startswith("http:")] == [f"{url}:" for url in urls]


def test_no_secret_is_in_a_profile(manifest, served, capsys):
    path = manifest(url=served[0], proxy=f"socks5://me:hunter2@127.0.0.1:{free_port()}")
    assert main(["doctor", path, "--write-profile"]) == exits.FAILED
    said = "".join(capsys.readouterr())
    assert "hunter2" not in said
    assert "proxy: socks5://me@127.0.0.1" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["doctor", "ftp://ca.example/"], "that URL cannot be used"),
        (["doctor", "{manifest}", "mill"], "there is no authority mill"),
    ],
)
def test_a_wrong_question_is_told(manifest, served, capsys, arguments, words):
    path = manifest(url=served[0])
    assert main([argument.format(manifest=path) for argument in arguments]) == exits.ERROR
    assert words in capsys.readouterr().err


def test_a_courier_needs_no_doctor(manifest, capsys):
    assert main(["doctor", manifest(transport={"folder": "spool"}), "plant"]) == exits.ERROR
    assert "courier" in capsys.readouterr().err


def test_a_trace_is_left(manifest, served, tmp_path, capsys):
    folder = tmp_path / "trace"
    assert main(["doctor", manifest(url=served[0]), "--trace", str(folder)]) == exits.OK
    assert (folder / "000001-doctor-request.der").exists()
    assert "genp" in (folder / "000001-doctor-answer.txt").read_text()
