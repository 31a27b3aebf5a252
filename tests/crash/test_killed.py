"""kill -9 at every durable act of every kind of operation; then `apply` until it converges.

Judged: keys lost 0, certificates that were issued and are not held 0, asked for twice 0, torn files 0; and the pair on
the disk is one. The CA is in this process and counts; the program is another process, and dies by SIGKILL.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

DUE = timedelta(days=345).total_seconds()
REVOCATION = "revocations: [{name: rev, certificate: out/web-0.crt, credential: psk}]\n"


def enrolling(site):
    return site()


def enrolling_implicitly(site):
    return site(more=", implicit_confirm: true")


def renewing(site, more="", also=""):
    made = site(more=more)
    made.write(f"{made.WEB}{also}")
    assert made.apply()["status"] == 0
    made.clock.offset = DUE
    return made


def renewing_implicitly(site):
    return renewing(site, ", implicit_confirm: true")


def renewing_on_trial(site):
    return renewing(site, also="    commit: after-install\n")


def revoking(site):
    made = site()
    assert made.apply()["status"] == 0
    return made.write(REVOCATION)


# What happens, how it is prepared, and how many certificates the CA has made when all is done.
OPERATIONS = {"ir": (enrolling, 1), "ir, implicit": (enrolling_implicitly, 1), "kur": (renewing, 2)}
OPERATIONS |= {"kur, implicit": (renewing_implicitly, 2), "kur, on trial": (renewing_on_trial, 2), "rr": (revoking, 1)}


def what_must_happen(name, moments):
    """The journal's transitions of an undisturbed run, in order."""
    found = [words.removeprefix("after commit ") for words in moments if words.startswith("after commit ")]
    expected = {
        "ir": ["keyed", "sent", "issued", "confirmed", "issued"],
        "ir, implicit": ["keyed", "sent", "confirmed", "issued"],
        "kur": ["keyed", "sent", "issued", "confirmed", "updated"],
        "kur, on trial": ["keyed", "sent", "issued", "issued", "confirmed", "updated"],
        "kur, implicit": ["keyed", "sent", "confirmed", "updated"],
        "rr": ["sent", "revoked"],
    }
    assert found == expected[name]


def distinct(moments):
    """Moments between which something happens: what comes after one file's act is what comes before the next."""
    return [number for number, words in enumerate(moments) if words.startswith("before") or "commit" in words]


def all_is_well(made, name, expected):
    assert len(made.issued) == expected
    assert not made.inventory.open
    assert made.pair_matches()
    states = [certificate.state.value for certificate in made.issued]
    assert states[-1] == ("revoked" if name == "rr" else "confirmed")
    made.nothing_is_torn()
    assert not [path for path in made.path("out").glob("*.next*") if not path.name.startswith(".")]


@pytest.mark.parametrize("name", OPERATIONS)
def test_kill_9_at_every_durable_act(site, name):
    prepare, expected = OPERATIONS[name]
    rehearsal = prepare(site).apply()
    assert rehearsal["status"] == 0
    what_must_happen(name, rehearsal["moments"])
    for number in distinct(rehearsal["moments"]):
        made = prepare(site)
        killed = made.apply(kill_at=number)
        assert killed["status"] == -9, made.said
        made.nothing_is_torn()
        if name.startswith("kur"):
            assert made.some_pair_matches(), killed["moments"][-1]
        made.converge()
        all_is_well(made, name, expected)


def test_kill_9_again_and_again_in_every_run_a_little_later(site):
    made = renewing(site)
    for number in range(2, 60, 2):
        status = made.apply(kill_at=number)["status"]
        made.nothing_is_torn()
        assert made.some_pair_matches()
        if status == 0:
            break
    made.converge()
    all_is_well(made, "kur", 2)


def test_kill_9_with_many_items_in_flight(site):
    """Group commits and grouped files: what one group holds of many items is there for all or none of them."""
    for number in range(0, 60, 7):
        made = site().write(
            """\
enrollments:
  - name: web-${n}
    for_each: {n: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}
    subject: "C=FI, CN=web-${n}"
    key: generate://pkcs8@ec:p256/out/web-${n}
    output: out/web-${n}
"""
        )
        made.apply(kill_at=number)
        made.nothing_is_torn()
        made.converge()
        assert len(made.issued) == 10
        assert all(made.pair_matches(f"web-{n}") for n in range(10))
        assert len(made.inventory.held) == 10
        assert not made.inventory.open
