"""A courier's folder: one file a request, written whole, and answers under the same name."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import pytest

from runner.errors import Delayed, NotSent, Unanswered
from runner.transports.folder import FolderTransport

REQUEST = b"\x30\x03\x02\x01\x05"
NAME = sha256(REQUEST).hexdigest()[:32]


def asked(spool, request=REQUEST):
    return asyncio.run(FolderTransport(spool, max_answer=100).exchange(request))


def test_a_request_becomes_a_file_and_waits(tmp_path):
    with pytest.raises(Delayed) as caught:
        asked(tmp_path / "spool")
    assert caught.value.reference == NAME
    assert (tmp_path / "spool" / "requests" / f"{NAME}.der").read_bytes() == REQUEST
    assert [path.name for path in (tmp_path / "spool" / "requests").iterdir()] == [f"{NAME}.der"]
    assert str(tmp_path / "spool" / "answers" / f"{NAME}.der") in caught.value.next_step


def test_the_same_octets_are_the_same_file(tmp_path):
    for _ in range(2):
        with pytest.raises(Delayed):
            asked(tmp_path)
    assert len(list((tmp_path / "requests").iterdir())) == 1


def test_an_answer_is_taken_and_stays(tmp_path):
    (tmp_path / "answers").mkdir()
    answer = tmp_path / "answers" / f"{NAME}.der"
    answer.write_bytes(b"\x30\x00")
    assert asked(tmp_path) == b"\x30\x00"
    assert asyncio.run(FolderTransport(tmp_path).poll(NAME)) == b"\x30\x00"
    assert answer.exists()


@pytest.mark.parametrize("content", [b"", b"\x30" * 101])
def test_an_answer_that_is_none_is_told(tmp_path, content):
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / f"{NAME}.der").write_bytes(content)
    with pytest.raises(Unanswered, match="is no answer"):
        asked(tmp_path)


@pytest.mark.parametrize("reference", ["", "../../etc/passwd", NAME + "0", NAME.upper()])
def test_a_reference_cannot_lead_elsewhere(tmp_path, reference):
    with pytest.raises(Unanswered):
        asyncio.run(FolderTransport(tmp_path).poll(reference))


def test_a_folder_that_cannot_be_written_was_not_sent(tmp_path):
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(NotSent) as caught:
        asked(tmp_path / "spool")
    assert caught.value.cause == "folder"
