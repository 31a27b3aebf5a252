"""The digest of an item: it changes with what is asked for, and with nothing else."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.manifest.digests import asks_the_same, is_same
from runner.manifest.load import load_manifest

AUTHORITIES = {"lab": {"url": "lab:"}, "other": {"url": "lab:"}}
CREDENTIALS = {"line-7": {"psk": {"env": "A"}}, "line-8": {"psk": {"env": "B"}}}
ENROLLMENT = {
    "name": "a",
    "authority": "lab",
    "subject": "CN=a",
    "alt_names": ["dns=a.example", "dns=b.example"],
    "key_usage": ["digitalSignature"],
    "extended_key_usage": ["serverAuth"],
    "certificate": "old.crt",
    "key": "generate://pkcs8@ec:p256/keys/a",
    "output": "out/a",
}
UPDATE = {"name": "u", "authority": "lab", "certificate": "old.crt", "key": "file:old.prv", "output": "out/u"}
REVOCATION = {"name": "r", "authority": "lab", "certificate": "old.crt", "reason": "superseded"}
NUMBERED = {"name": "n", "authority": "lab", "issuer": "CN=Plant CA", "serial": 4711}


def digests(folder, **sections):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("old.crt", "older.crt", "old.prv"):
        (folder / name).touch()
    manifest = {"apiVersion": "cmp-batch/v1", "authorities": AUTHORITIES, "credentials": CREDENTIALS, **sections}
    (folder / "m.yaml").write_text(json.dumps(manifest), encoding="utf-8")
    return {item.name: item.digest for item in load_manifest([folder / "m.yaml"]).items}


def digest(folder, section, entry, **changes):
    (value,) = digests(folder, **{section: [{**entry, **changes}]}).values()
    return value


@pytest.mark.parametrize(
    "change",
    [
        {"authority": "other"},
        {"credential": "line-7"},
        {"subject": "CN=b"},
        {"alt_names": ["dns=b.example", "dns=a.example"]},
        {"key_usage": ["keyAgreement"]},
        {"extended_key_usage": ["clientAuth"]},
        {"certificate": "older.crt"},
        {"key": "generate://pkcs8@ec:p384/keys/a"},
        {"key": "generate://pkcs8@ec:p256/keys/b"},
        {"key": "file:old.prv"},
        {"output": "out/b"},
        {"output": {"file": "out/a"}},
        {"output": {"prefix": "out/a", "format": "der"}},
        {"request": "cr"},
        {"cert_profile": "server"},
        {"reg_token": {"env": "TOKEN"}},
        {"authenticator": {"env": "TOKEN"}},
        {"publication": "dont"},
        {"reg_info": {"version": "1"}},
        {"general_info": {"1.2.3.4": "x"}},
        {"old_cert_id": False},
        {"certificate_policies": ["1.2.3.4"]},
        {"basic_constraints": {"ca": True}},
        {"extensions": {"1.2.3.4": "0500"}},
        {"valid_for": "90d"},
        {"not_after": "2030-01-01"},
    ],
)
def test_what_an_enrollment_asks_for_changes_its_digest(tmp_path, change):
    assert digest(tmp_path, "enrollments", ENROLLMENT) != digest(tmp_path, "enrollments", ENROLLMENT, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "b"},
        {"renew_before": "30d"},
        {"alt_names": ["DNS=a.example", "dns=b.example", "dns=a.example"]},
        {"key_usage": ["DIGITALSIGNATURE", "digitalSignature"]},
        {"extended_key_usage": ["1.3.6.1.5.5.7.3.1"]},
        {"certificate": "./out/../old.crt"},
        {"key": "generate://PKCS8@EC:secp256r1/./keys/a"},
        {"output": {"prefix": "./out/a"}},
        {"output": {"prefix": "out/${n}", "format": "pem"}, "for_each": {"n": ["a"]}},
        {"subject": "CN=$${x}", "for_each": {"x": [1]}},
    ],
)
def test_how_it_is_written_does_not(tmp_path, change):
    plain = dict(ENROLLMENT, subject="CN=$${x}") if "subject" in change else ENROLLMENT
    assert digest(tmp_path, "enrollments", plain) == digest(tmp_path, "enrollments", ENROLLMENT, **change)


@pytest.mark.parametrize(
    ("section", "entry", "change"),
    [
        ("updates", UPDATE, {"certificate": "older.crt"}),
        ("updates", UPDATE, {"new_key": "generate://pkcs8@ec/u"}),
        ("updates", UPDATE, {"key": "old.crt"}),
        ("updates", UPDATE, {"output": "out/x"}),
        ("revocations", REVOCATION, {"certificate": "older.crt"}),
        ("revocations", REVOCATION, {"reason": "keyCompromise"}),
        ("revocations", REVOCATION, {"key": "file:old.prv"}),
        ("revocations", REVOCATION, {"invalidity_date": "2026-01-01"}),
        ("revocations", NUMBERED, {"serial": 4712}),
        ("revocations", NUMBERED, {"issuer": "CN=Other CA"}),
        ("updates", UPDATE, {"cert_profile": "server"}),
    ],
)
def test_what_updates_and_revocations_ask_for_changes_theirs(tmp_path, section, entry, change):
    assert digest(tmp_path, section, entry) != digest(tmp_path, section, entry, **change)


def test_waiting_for_another_item_is_not_asked_of_the_ca(tmp_path):
    alone = digests(tmp_path, enrollments=[ENROLLMENT], revocations=[REVOCATION])
    waiting = digests(tmp_path, enrollments=[ENROLLMENT], revocations=[{**REVOCATION, "depends_on": "a"}])
    assert alone == waiting


def test_where_a_token_comes_from_is_not_in_the_digest(tmp_path):
    env, literal = ({"reg_token": value} for value in ({"env": "TOKEN"}, "swordfish"))
    assert digest(tmp_path, "enrollments", ENROLLMENT, **env) == digest(tmp_path, "enrollments", ENROLLMENT, **literal)


def test_a_serial_number_is_one_number_however_it_is_written(tmp_path):
    spelled = {digest(tmp_path, "revocations", NUMBERED, serial=serial) for serial in (4711, "4711", "0x1267", "12:67")}
    assert len(spelled) == 1


def test_a_request_is_asked_for_by_its_place(tmp_path):
    entry = {key: ENROLLMENT[key] for key in ("name", "authority", "output")}
    first, second = (digest(tmp_path, "enrollments", entry, csr=name) for name in ("old.crt", "older.crt"))
    assert first != second


def test_a_passphrase_is_not_in_the_digest(tmp_path):
    one, other = "generate://pkcs8s:swordfish@ec/a", "generate://pkcs8s:${env:PASS}@ec/a"
    assert digest(tmp_path, "enrollments", ENROLLMENT, key=one) == digest(
        tmp_path, "enrollments", ENROLLMENT, key=other
    )


def test_moving_the_folder_changes_nothing(tmp_path):
    sections = {"enrollments": [ENROLLMENT], "updates": [UPDATE], "revocations": [REVOCATION]}
    assert digests(tmp_path / "here", **sections) == digests(tmp_path / "over/there", **sections)


def test_an_absolute_path_stays_itself_when_the_folder_moves(tmp_path):
    (tmp_path / "old.crt").touch()
    entry = {**REVOCATION, "certificate": str(tmp_path / "old.crt")}
    assert digest(tmp_path / "here", "revocations", entry) == digest(tmp_path / "over/there", "revocations", entry)


def test_the_digest_is_the_same_tomorrow(tmp_path):
    """Journals hold digests: a new release that computes others would ask for every certificate again."""
    enrollment = (
        '{"authority":"lab","key":"generate://pkcs8@ec:p256/keys/a","kind":"enrollment",'
        '"output":{"format":"pem","prefix":"out/a"},'
        '"template":{"alt_names":["dns=a.example","dns=b.example"],"extended_key_usage":["1.3.6.1.5.5.7.3.1"],'
        '"key_usage":["digitalSignature"],"reference":"old.crt","subject":"CN=a"}}'
    )
    update = (
        '{"authority":"lab","certificate":"old.crt","key":"file:old.prv","kind":"update",'
        '"output":{"format":"pem","prefix":"out/u"}}'
    )
    revocation = '{"authority":"lab","certificate":"old.crt","kind":"revocation","reason":"superseded"}'
    for section, entry, text in (
        ("enrollments", ENROLLMENT, enrollment),
        ("updates", UPDATE, update),
        ("revocations", REVOCATION, revocation),
    ):
        plain = text.replace('"authority":"lab"', '"authority":""')
        halves = [sha256(each.encode()).hexdigest() for each in (text, plain)]
        assert digest(tmp_path, section, entry) == ".".join(halves)


@pytest.mark.parametrize("change", [{"authority": "other"}, {"credential": "line-8"}])
def test_names_of_others_are_in_the_first_half_alone(tmp_path, change):
    entry = {**ENROLLMENT, "credential": "line-7", "reg_info": {"authority": "lab", "credential": "line-7"}}
    one, other = digest(tmp_path, "enrollments", entry), digest(tmp_path, "enrollments", entry, **change)
    assert asks_the_same(one, other)
    assert not is_same(one, other)
    otherwise = digest(tmp_path, "enrollments", entry, reg_info={"authority": "other", "credential": "line-7"})
    assert not asks_the_same(one, otherwise)
    assert not asks_the_same(one, digest(tmp_path, "enrollments", ENROLLMENT))


def test_what_an_older_version_wrote_is_still_the_same_entry(tmp_path):
    now = digest(tmp_path, "enrollments", ENROLLMENT)
    before = now.partition(".")[0]
    assert is_same(before, now)
    assert asks_the_same(before, now)
    other = digest(tmp_path, "enrollments", ENROLLMENT, authority="other")
    assert not asks_the_same(before, other), "it did not say what it asked for beside the name"


ROWS = [
    *({**ENROLLMENT, "name": f"e{n}", "key": f"generate://pkcs8@ec/e{n}", "output": f"e{n}"} for n in range(4)),
    {**ENROLLMENT, "name": "f${n}", "for_each": {"n": [1, 2]}, "key": "generate://pkcs8@ec/f${n}", "output": "f${n}"},
]


@given(order=st.permutations(ROWS), keys=st.permutations(list(ENROLLMENT)))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_re_ordering_rows_and_keys_changes_nothing(tmp_path, order, keys):
    shuffled = [{key: row[key] for key in sorted(row, key=[*keys, "for_each"].index)} for row in order]
    assert digests(tmp_path, enrollments=shuffled) == digests(tmp_path, enrollments=ROWS)
