"""Reports that are never whole in memory: the same octets as if they were, and one item at a time."""

from __future__ import annotations

import gc
import json
from hashlib import sha256
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.samples import HOSTILE, full_run, hostile_run, issued, run_of, whole

from runner.report.canonical import canonical_json, canonical_pieces, compact_json
from runner.report.formats import rendered
from runner.report.json_report import run_to_json
from runner.report.keeping import kept_of, report_from
from runner.report.record import ItemRecord, read_record
from runner.report.results_text import results_table
from runner.report.rows import Rows
from runner.report.tables import Layout

RUNS = [full_run(), hostile_run(), run_of(), run_of(interrupted=True)]
texts = st.text() | st.just(HOSTILE)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def dumped(whole):
    """What Python makes of it, all at once."""
    text = json.dumps(whole, sort_keys=True, indent=2, ensure_ascii=True, allow_nan=False)
    return text.replace("\x7f", "\\u007f") + "\n"


@given(head=st.dictionaries(texts, plain, max_size=4), items=st.lists(plain, max_size=4))
def test_pieces_are_the_octets_of_the_whole(head, items):
    streamed = {**head, "inner": {"items": Rows(items, lambda item: item)}, "items": Rows(items, lambda item: item)}
    assert canonical_json(streamed) == dumped({**head, "inner": {"items": items}, "items": items})


@pytest.mark.parametrize("run", RUNS)
def test_a_report_is_the_octets_of_the_whole_and_so_are_its_digests(run):
    report = run_to_json(run)
    assert "".join(rendered(report, "json")) == dumped(whole(report))
    digests = [sha256(compact_json(item).encode()).hexdigest() for item in report["items"]]
    assert list(report["digests"]["items"]) == digests
    assert report["digests"]["all"] == sha256("".join((report["digests"]["head"], *digests)).encode()).hexdigest()


@pytest.mark.parametrize("run", RUNS)
def test_what_the_state_keeps_comes_back_as_the_same_octets(run):
    head, items = kept_of(run_to_json(run))
    assert canonical_json(report_from(head, tuple(items))) == canonical_json(run_to_json(run))


@pytest.mark.parametrize("run", RUNS)
def test_a_report_that_was_kept_in_one_piece_is_still_read(run):
    old = compact_json(whole(run_to_json(run)))
    assert canonical_json(report_from(old, ())) == canonical_json(run_to_json(run))


def test_an_item_is_made_when_its_turn_has_come():
    made = []
    items = Rows(range(1000), lambda number: made.append(number) or {"number": number})
    pieces = canonical_pieces({"before": 1, "items": items})
    for count, _ in enumerate(islice(pieces, 900)):
        assert len(made) <= count


def test_the_table_keeps_no_item_that_has_nothing_to_tell():
    run = read_record(run_to_json(run_of(*(issued(f"web-{n}") for n in range(200)))))
    lines = results_table(run, Layout(100))
    while not next(lines).startswith("issued"):
        pass
    assert sum(isinstance(each, ItemRecord) for each in gc.get_objects()) <= 1
    assert len(list(lines)) == 199


def test_a_part_of_the_rows_is_rows():
    rows = Rows(range(9), str)
    assert (rows[2], rows[-1], list(rows[3:5]), len(rows[3:])) == ("2", "8", ["3", "4"], 6)
    with pytest.raises(IndexError):
        rows[9]
