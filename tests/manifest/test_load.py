"""Files and folders to one document."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from runner.errors import BadInput
from runner.manifest.load import load_manifest

LAB = "apiVersion: cmp-batch/v1\nauthorities: {lab: {url: 'lab:'}}\n"
ROW = "  - {{name: {0}, subject: CN={0}, key: 'generate://pkcs8@ec/{0}', output: {0}}}\n"


def rows(*names):
    return "apiVersion: cmp-batch/v1\nenrollments:\n" + "".join(ROW.format(name) for name in names)


def mistakes(paths, **options):
    with pytest.raises(BadInput) as caught:
        load_manifest(paths, **options)
    return [each.summary for each in caught.value.diagnostics]


def test_a_folder_is_one_document(bench):
    bench.write(LAB, "b/authorities.yml")
    bench.write(rows("two", "three"), "c.yaml")
    bench.write(rows("one"), "a.yaml")
    bench.write("not: ours", ".hidden/x.yaml")
    bench.write("not: ours", ".hidden.yaml")
    bench.write("not: ours", "readme.md")
    document = load_manifest([bench.folder])
    assert [item.name for item in document.items] == ["one", "two", "three"]
    assert document.base == str(bench.folder)
    assert document.name == "a"


def test_the_name_is_the_first_that_is_given(bench):
    bench.write(LAB, "a.yaml")
    bench.write("apiVersion: cmp-batch/v1\nmetadata: {name: plant-7}\n", "b.yaml")
    assert load_manifest([bench.folder / "a.yaml"]).name == "a"
    assert load_manifest([bench.folder]).name == "plant-7"


def test_several_paths_are_one_document_and_each_file_is_read_once(bench):
    one, other = bench.write(LAB, "x/a.yaml"), bench.write(rows("one"), "y/b.yaml")
    document = load_manifest([one, other, bench.folder / "y", bench.folder / "y/../x/a.yaml"])
    assert [item.name for item in document.items] == ["one"]
    assert document.base == str(bench.folder / "x")


def test_relative_paths_start_from_each_manifests_folder(bench):
    bench.write(LAB, "a.yaml")
    bench.write(rows("one"), "sub/b.yaml")
    (item,) = load_manifest([bench.folder]).items
    assert item.output.prefix == str(bench.folder / "sub/one")


def test_another_base_can_be_given(bench):
    bench.write(LAB, "a.yaml")
    bench.write(rows("one"), "sub/b.yaml")
    bench.touch("base/x")
    document = load_manifest([bench.folder], base=bench.folder / "base")
    assert document.items[0].output.prefix == str(bench.folder / "base/one")
    assert document.base == str(bench.folder / "base")


def test_a_base_must_be_a_folder(bench):
    file = bench.write(LAB)
    assert mistakes([file], base=bench.folder / "nowhere") == [f"{bench.folder / 'nowhere'} is not a folder"]


def test_paths_are_made_absolute_without_following_links(bench, monkeypatch):
    (bench.folder / "real").mkdir()
    (bench.folder / "link").symlink_to("real")
    bench.write(LAB + "enrollments:\n" + ROW.format("one"), "real/m.yaml")
    monkeypatch.chdir(bench.folder)
    document = load_manifest([Path("link/../link/m.yaml")])
    assert document.base == str(bench.folder / "link")
    assert document.items[0].output.prefix == str(bench.folder / "link/one")
    assert document.items[0].place.file == "link/../link/m.yaml"


def test_names_are_unique_over_all_files(bench):
    bench.write(LAB + "templates: {t: {subject: CN=a}}\n", "a.yaml")
    bench.write(LAB + "templates: {t: {subject: CN=a}}\n", "b.yaml")
    bench.write(rows("one"), "c.yaml")
    bench.write(rows("one"), "d.yaml")
    assert mistakes([bench.folder]) == [
        "'lab' is in authorities twice",
        "'t' is in templates twice",
        "two items are named 'one'",
    ]


def test_mistakes_of_all_files_are_told_at_once(bench):
    bench.write(LAB, "a.yaml")
    bench.write("apiVersion: cmp-batch/v1\ncolour: red\n", "b.yaml")
    bench.write("a: [", "c.yaml")
    bench.write(rows("web 1"), "d.yaml")
    with pytest.raises(BadInput) as caught:
        load_manifest([bench.folder, bench.folder / "e.yaml"])
    found = [(Path(each.place.file).name, each.place.line, each.summary) for each in caught.value.diagnostics]
    assert [each[:2] for each in found] == [("b.yaml", 2), ("c.yaml", 2), ("d.yaml", 3), ("e.yaml", 1)]
    assert found[3][2] == f"cannot read {bench.folder / 'e.yaml'}"
    assert caught.value.what == "the manifest has 4 mistakes"


def test_a_single_mistake_is_the_error(bench):
    with pytest.raises(BadInput) as caught:
        load_manifest([bench.folder / "nowhere.yaml"])
    assert caught.value.what == f"cannot read {bench.folder / 'nowhere.yaml'}"
    assert caught.value.why == "no such file or directory"


def test_a_file_that_cannot_be_read_makes_nothing_else_unknown(bench):
    bench.write("a: [", "a.yaml")
    file = bench.write(LAB + "revocations: [{name: x, certificate: made-in-a.crt, depends_on: in-a}]\n", "b.yaml")
    assert len(mistakes([bench.folder])) == 1
    assert mistakes([file]) == ["file not found: made-in-a.crt", "unknown item 'in-a'"]


def test_a_folder_without_manifests_is_a_mistake(bench):
    assert mistakes([bench.folder]) == [f"no manifest in {bench.folder}"]


def test_no_path_at_all_is_a_mistake():
    assert mistakes([]) == ["no manifest is given"]


def test_a_file_that_may_not_be_read_is_a_mistake(bench, monkeypatch):
    file = bench.write(LAB)

    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadInput) as caught:
        load_manifest([file])
    assert caught.value.what == f"cannot read {file}"
    assert caught.value.why == "permission denied"


def test_a_folder_that_may_not_be_looked_into_is_a_mistake(bench, monkeypatch):
    bench.write(LAB)
    bench.touch("closed/x")

    def refuse_closed(folder, real=os.scandir):
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", refuse_closed)
    assert mistakes([bench.folder]) == [f"cannot look into {bench.folder / 'closed'}"]


def test_nothing_that_a_manifest_names_is_opened(bench, monkeypatch):
    bench.touch("ca.pem", "op.crt", "op.prv", "psk", "old.crt")
    bench.lab("")  # the schema is read once
    opened = []
    monkeypatch.setattr(
        io, "open", lambda file, *rest, real=io.open, **more: opened.append(file) or real(file, *rest, **more)
    )
    bench.load("""\
        apiVersion: cmp-batch/v1
        authorities: {plant: {url: "http://127.0.0.1:1/", trust: ca.pem, certificate: ca.pem, credential: a}}
        credentials:
          a: {psk: {file: psk}}
          b: {psk: {command: [touch, ran]}}
          c: {certificate: op.crt, key: "file:op.prv"}
        enrollments: [{name: a, certificate: old.crt, key: "file:op.prv", output: a}]
        """)
    assert {Path(file).name for file in opened} == {"m.yaml"}
    assert not (bench.folder / "ran").exists()


def test_what_a_strangers_file_says_is_not_repeated(bench):
    bench.write("users:\n  swordfish: {token: swordfish}\n  swordfish: 1\n", "m.yaml")
    with pytest.raises(BadInput) as caught:
        load_manifest([bench.folder / "m.yaml"])
    assert "swordfish" not in repr(caught.value.diagnostics)
