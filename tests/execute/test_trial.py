"""`commit: after-install`: what a trial puts in place, and how a crash anywhere in it is mended."""

from __future__ import annotations

import stat

from runner.execute.results import Outcome

ENTRY = """\
enrollments:
  - {name: web, subject: SUBJECT, key: "generate://pkcs8@ec:p256/out/web", output: out/web, commit: after-install}
"""
FILES = ["ca.pem", "m.yaml", "out/web-0.ca", "out/web-0.crt", "out/web.prv"]


def entry(subject="CN=web"):
    return ENTRY.replace("SUBJECT", subject)


def happened(stage, name):
    return [number for number, event in enumerate(stage.events) if event[0] == name]


def test_everything_is_in_its_place_before_the_ca_hears_of_it(stage):
    stage.write(entry())
    assert stage.result().outcome is Outcome.ISSUED
    sent = [number for number, event in enumerate(stage.events) if event[:2] == ("wire", "certConf")]
    assert sent, stage.events
    assert happened(stage, "install")[0] < sent[0]
    assert stage.files == FILES


def test_a_ca_that_disowns_the_certificate_afterwards_gets_it_taken_away(stage):
    stage.write(entry())
    assert stage.result().outcome is Outcome.ISSUED
    before = [stage.path(name).read_bytes() for name in FILES[-3:]]
    stage.write(entry("CN=other"))
    stage.play(stage.ca.answers, stage.ca.refuses("badRequest"))
    assert stage.result().outcome is Outcome.FAILED
    assert [stage.path(name).read_bytes() for name in FILES[-3:]] == before


def test_killed_anywhere_a_pair_is_whole_and_the_next_apply_ends_it(stage):
    """Each event of a renewal on trial is a moment at which the process dies; afterwards all is as if it had not."""
    stage.write(entry())
    assert stage.result().outcome is Outcome.ISSUED
    number, killed = 0, True
    while killed:
        stage.write(entry(f"CN=other-{number}"))
        killed = stage.killed_at(number)
        if killed:
            assert stage.path("out/web-0.crt").exists()
            assert set(stage.outcomes().values()) <= {"issued", "unchanged"}
        stage.apply()
        assert stage.verbs() == {"web": "keep"}
        left = [name for name in stage.files if name not in FILES]
        assert left == []
        assert stat.S_IMODE(stage.path("out/web.prv").stat().st_mode) == 0o600
        number += 1
    assert number > 10
