"""Everything that will be read is read before anything is sent; all that is wrong is told at once, at its place."""

from __future__ import annotations

import subprocess

import pytest

from runner.errors import BadInput, Refused
from runner.pki.certificates import to_pem


def findings(stage, **options):
    """`line:column what` of each finding."""
    with pytest.raises(BadInput) as caught:
        stage.apply(**options)
    assert stage.ca.sent == []
    assert not stage.path("out").exists()
    return [f"{each.place.line}:{each.place.column} {each.summary}" for each in caught.value.diagnostics]


def test_nothing_is_wrong_with_what_is_right(stage):
    assert stage.outcomes() == {"web": "issued"}


def test_all_findings_come_together_each_at_its_place(stage):
    stage.environ.clear()
    stage.path("old.crt").write_bytes(b"not a certificate")
    stage.path("mine.prv").write_bytes(b"not a key")
    stage.write(
        """\
        enrollments:
          - name: a
            subject: CN=a
            certificate: old.crt
            key: "file:mine.prv"
            output: out/a
          - name: b
            subject: CN=b
            key: "generate://pkcs8s:${env:NOWHERE}@ed25519/out/b"
            output: ../outside/b
        """
    )
    found = findings(stage)
    places = [line.split(" ", 1)[0] for line in found]
    text = stage.manifest.read_text().splitlines()
    pointed = sorted(text[int(place.split(":")[0]) - 1].strip() for place in places)
    assert pointed == [
        "certificate: old.crt",
        'key: "file:mine.prv"',
        'key: "generate://pkcs8s:${env:NOWHERE}@ed25519/out/b"',
        "output: ../outside/b",
        "psk: {psk: {env: CA_PSK}, iterations: 100}",
    ]


def test_one_cause_is_told_once(stage):
    stage.environ.clear()
    stage.edit(
        "output: out/web}",
        'output: out/web}\n  - {name: b, subject: CN=b, key: "generate://pkcs8@ed25519/out/b", output: out/b}',
    )
    assert len(findings(stage)) == 1


def test_no_secret_is_in_a_finding(stage):
    stage.environ["CA_PSK"] = "sesame-open-without-a-colon"
    with pytest.raises(BadInput) as caught:
        stage.apply()
    assert "sesame" not in repr(caught.value.diagnostics)


def test_what_an_item_of_the_plan_will_make_is_not_missed(stage):
    stage.write(
        """
        enrollments:
          - {name: op, subject: CN=op, key: "generate://pkcs8@ed25519/out/op", output: out/op}
          - {name: web, credential: op, certificate: out/op-0.crt, key: "file:out/op.prv", output: out/web}
        updates:
          - {name: up, certificate: out/op-0.crt, key: "file:out/op.prv", output: out/up}
        revocations:
          - {name: rev, certificate: out/up-0.crt, credential: op}
        """
    )
    stage.edit("credentials:", 'credentials:\n  op: {certificate: out/op-0.crt, key: "file:out/op.prv"}')
    outcomes = stage.outcomes()
    assert outcomes["op"] == "issued"
    assert outcomes["up"] == "updated"


def test_what_stays_as_it_is_needs_no_credential(stage):
    stage.apply()
    stage.environ.clear()
    assert stage.outcomes() == {"web": "unchanged"}


def test_nor_does_a_file_that_is_written_again(stage):
    stage.apply()
    stage.path("out/web-0.crt").unlink()
    stage.environ.clear()
    assert stage.outcomes() == {"web": "unchanged"}
    assert stage.path("out/web-0.crt").exists()


def test_a_credential_whose_halves_do_not_belong_together_is_told(stage):
    generate(stage, "op.prv")
    stage.path("op.crt").write_bytes(to_pem(stage.ca.lab.ca_certificate))
    stage.edit("  psk: {psk:", '  op: {certificate: op.crt, key: "file:op.prv"}\n  psk: {psk:')
    stage.edit("credential: psk", "credential: op")
    (found,) = findings(stage)
    assert "is not for the key" in found


def test_a_command_that_is_not_allowed_is_refused(stage):
    stage.edit("{env: CA_PSK}", "{command: [cat, secret]}")
    with pytest.raises(Refused):
        stage.apply()
    assert stage.ca.sent == []


def test_a_link_that_leads_out_is_found_before_anything_is_made(stage, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    stage.path("out").symlink_to(outside)
    with pytest.raises(BadInput) as caught:
        stage.apply()
    assert len(caught.value.diagnostics) == 2
    assert list(outside.iterdir()) == []


def test_the_states_own_folder_is_not_written_into(stage):
    stage.edit("output: out/web", "output: .cmp-batch/web")
    assert any("may not be written" in found for found in findings(stage))


@pytest.mark.parametrize(
    "entry",
    [
        'updates: [{name: up, certificate: op.crt, key: "file:op.prv", output: out/up}]\n',
        'revocations: [{name: rev, certificate: op.crt, key: "file:op.prv"}]\n',
    ],
    ids=["update", "revocation"],
)
def test_a_certificate_that_is_to_sign_without_its_key_is_told(stage, entry):
    generate(stage, "op.prv")
    stage.path("op.crt").write_bytes(to_pem(stage.ca.lab.ca_certificate))
    stage.write(entry)
    (found,) = findings(stage)
    assert "is not for the key" in found


def generate(stage, name):
    command = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", stage.path(name)]
    subprocess.run(command, check=True, capture_output=True)
