"""kill -9 at every durable act while several requests share their messages; then `apply` until it converges.

What is judged is what test_killed.py judges: no item is asked for twice, none is lost, whoever else was in its message.
"""

from __future__ import annotations

import pytest

from runner.lab.rules import LabRules

THREE = """\
enrollments:
  - name: web-${n}
    for_each: {n: [0, 1, 2]}
    subject: "C=FI, CN=web-${n}"
    key: generate://pkcs8@ec:p256/out/web-${n}
    output: out/web-${n}
"""
GONE = """\
revocations:
  - {name: "gone-${n}", for_each: {n: [0, 1, 2]}, certificate: "out/web-${n}-0.crt", credential: psk}
"""
BATCHING = ", batching: {size: 3}, polling: {max_wait: 20s}"


def together(site, **manners):
    return site(more=BATCHING, rules=LabRules(**manners)).write(THREE)


def implicitly(site):
    return site(more=f"{BATCHING}, implicit_confirm: true").write(THREE)


def in_turn(site):
    """One is granted at once, and is confirmed before the two that wait are polled for."""
    return together(site, waiting_polls=1, waiting_names=("web-1", "web-2"))


def revoking(site):
    made = together(site)
    assert made.apply()["status"] == 0
    return made.write(GONE)


OPERATIONS = {"ir": together, "ir, implicit": implicitly, "rr": revoking}


def distinct(moments):
    return [number for number, words in enumerate(moments) if words.startswith("before") or "commit" in words]


def all_is_well(made, *, revoked=False):
    assert len(made.issued) == 3, made.said
    assert not made.inventory.open
    assert all(made.pair_matches(f"web-{n}") for n in range(3))
    assert {each.state.value for each in made.issued} == {"revoked" if revoked else "confirmed"}
    made.nothing_is_torn()


def killed_and_resumed(site, prepare, number, **more):
    made = prepare(site)
    killed = made.apply(kill_at=number)
    assert killed["status"] == -9, made.said
    made.nothing_is_torn()
    made.converge()
    all_is_well(made, **more)


@pytest.mark.parametrize("name", OPERATIONS)
def test_kill_9_at_every_durable_act(site, name):
    prepare = OPERATIONS[name]
    rehearsal = prepare(site).apply()
    assert rehearsal["status"] == 0
    for number in distinct(rehearsal["moments"]):
        killed_and_resumed(site, prepare, number, revoked=name == "rr")


def test_kill_9_at_every_commit_while_some_wait(site):
    rehearsal = in_turn(site).apply()
    assert rehearsal["status"] == 0
    commits = [number for number, words in enumerate(rehearsal["moments"]) if "commit" in words]
    for number in commits:
        killed_and_resumed(site, in_turn, number)


def test_one_message_is_journalled_for_all_at_once(site):
    """Whoever is not in the journal could be asked for again, by a message that it does not know of."""
    moments = together(site).apply()["moments"]
    sent = [words for words in moments if words.startswith("after commit") and "sent" in words]
    assert sent == ["after commit sent,sent,sent"]
