"""What a run holds of its plan: only what has not ended yet, so that results take the room of steps."""

from __future__ import annotations

import gc

from runner.cli.main import main
from runner.cli.progress import Progress
from runner.manifest.model import Enrollment

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
enrollments:
  - name: let-go-${n}
    for_each: {n: [1, 2, 3, 4, 5, 6, 7, 8, 9]}
    subject: CN=let-go-${n}
    key: generate://pkcs8@ed25519/out/let-go-${n}
    output: out/let-go-${n}
"""


def is_ours(thing):
    """Whether it is an item of this plan: other tests in this process have theirs. Steps are made of items."""
    return isinstance(thing, Enrollment) and thing.name.startswith("let-go-")


def test_an_item_is_let_go_of_when_it_has_ended(tmp_path, monkeypatch):
    (tmp_path / "m.yaml").write_text(MANIFEST)
    counts = []

    def advance(self, result):
        gc.collect()
        counts.append(sum(map(is_ours, gc.get_objects())))

    monkeypatch.setattr(gc, "freeze", lambda: None)  # what is frozen is not among the objects that gc shows
    monkeypatch.setattr(Progress, "advance", advance)
    assert main(["apply", "--yes", "--quiet", "--parallel", "1", str(tmp_path / "m.yaml")]) == 0
    assert counts == sorted(counts, reverse=True)
    assert counts[0] >= 8
    assert counts[-1] <= 2  # the last one's own
