"""Report files: refused early, written at once or not at all."""

from __future__ import annotations

import json
import os

import pytest
from support.samples import full_run

from runner.errors import BadInput, CmpBatchError
from runner.report.files import check_report_path, replace_file, write_report
from runner.report.json_report import run_to_json


@pytest.mark.parametrize("name", ["r.txt", "r.pdf", "r", "json", ".json", "r.json.gz"])
def test_other_suffixes_are_refused_with_those_that_exist(name, tmp_path):
    with pytest.raises(BadInput) as refused:
        check_report_path(str(tmp_path / name))
    assert ".json" in refused.value.next_step


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput) as refused:
        check_report_path(str(tmp_path / "nowhere" / "r.json"))
    assert "no folder" in refused.value.why
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(BadInput) as refused:
        check_report_path(str(tmp_path / "folder.json"))
    assert refused.value.why == "it is a folder"


@pytest.mark.parametrize("name", ["r.json", "R.JSON"])
def test_a_report_replaces_the_last_one(name, tmp_path):
    path = tmp_path / name
    path.write_text("before")
    check_report_path(str(path))
    write_report(str(path), run_to_json(full_run()))
    assert json.loads(path.read_text())["run"]["manifest"] == "plant-7"
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_where_the_disk_refuses_the_old_file_stays_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    path.write_text("before")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CmpBatchError) as failed:
        write_report(str(path), run_to_json(full_run()))
    assert failed.value.why == "No space left on device"
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["r.json"]


def test_a_file_gets_the_permissions_that_the_umask_leaves(tmp_path):
    mask = os.umask(0o027)
    try:
        replace_file(tmp_path / "f", [b"text"])
    finally:
        os.umask(mask)
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o640
