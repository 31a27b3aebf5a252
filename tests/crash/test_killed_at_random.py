"""kill -9 in any function call at all, up to three times in a row; then `apply` until it converges.

200 kills, the same ones in every run; `pytest tests/crash/test_killed_at_random.py --kills 5000` does more of them.
What is judged is what test_killed.py judges.
"""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from runner.lab.rules import LabRules

SHARES = 10
"""Tests among which the kills are divided, for the machine's cores."""
MOST_IN_A_ROW = 3
WEBS = """\
enrollments:
  - name: web-${n}
    for_each: {n: NUMBERS}
    subject: "C=FI, CN=web-${n}"
    key: generate://pkcs8@ec:p256/out/web-${n}
    output: out/web-${n}
    renew_before: 30d
    commit: COMMIT
"""
GONE = """\
revocations:
  - {name: "gone-${n}", for_each: {n: NUMBERS}, certificate: "out/web-${n}-0.crt", credential: psk}
"""
MANNERS = ("", ", implicit_confirm: true", ", batching: {size: 3}")
COMMITS = ("at-once", "after-install")


class Scene:
    """Some items that one kind of operation is to befall, and how many certificates there are when it has."""

    def __init__(self, site, chance):
        self.size = chance.randint(1, 4)
        self.kind = chance.choice(("ir", "ir", "kur", "rr"))
        waiting = chance.randint(0, 1)
        rules = LabRules(waiting_polls=waiting, check_after=0)
        self.made = site(more=chance.choice(MANNERS) + ", polling: {max_wait: 20s}", rules=rules)
        self.made.write(self._written(WEBS.replace("COMMIT", chance.choice(COMMITS))))
        if self.kind != "ir":
            assert self.made.apply()["status"] == 0, self.made.said
        if self.kind == "kur":
            self.made.clock.offset = timedelta(days=345).total_seconds()
        elif self.kind == "rr":
            self.made.write(self._written(GONE))

    def _written(self, items):
        return items.replace("NUMBERS", str(list(range(self.size))))

    def judge(self):
        made = self.made
        assert len(made.issued) == self.size * (2 if self.kind == "kur" else 1), made.said
        assert not made.inventory.open
        assert all(made.pair_matches(f"web-{n}") for n in range(self.size))
        states = {certificate.state.value for certificate in made.issued[-self.size :]}
        assert states == {"revoked" if self.kind == "rr" else "confirmed"}
        made.nothing_is_torn()


@pytest.fixture(scope="module")
def lengths():
    """Calls of an undisturbed run, by kind and size: found by letting one be."""
    return {}


@pytest.mark.parametrize("share", range(SHARES))
def test_kill_9_anywhere(site, lengths, share, request):
    chance = random.Random(share)  # noqa: S311 - the same moments in every run
    kills = 0
    while kills < request.config.getoption("--kills") / SHARES:
        scene = Scene(site, chance)
        kind = (scene.kind, scene.size)
        if kind not in lengths:
            undisturbed = scene.made.apply(kill_in_call=1 << 40)
            assert undisturbed["status"] == 0, scene.made.said
            lengths[kind] = int(undisturbed["moments"][-1].removeprefix("calls "))
            scene.judge()
            continue
        for _ in range(chance.randint(1, MOST_IN_A_ROW)):
            kills += scene.made.apply(kill_in_call=chance.randint(1, lengths[kind]))["status"] == -9
            scene.made.nothing_is_torn()
        scene.made.converge()
        scene.judge()
