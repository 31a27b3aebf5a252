"""What a manifest says, as the model says it: rows, templates, credentials, authorities, paths."""

from __future__ import annotations

from datetime import timedelta

import pytest

from runner.errors import Place, Severity
from runner.manifest.credentials import CertificateCredential, PskCredential, SecretRef
from runner.manifest.limits import Limits
from runner.manifest.model import Enrollment, Revocation, Update
from runner.manifest.placing import Output, RenewBefore
from runner.pki.keyspecs import KeySpec
from runner.pki.keyurls import KeyUrl


def test_each_row_of_for_each_is_an_item(bench):
    document = bench.lab("""\
        templates:
          server: {subject: "CN=${name}", alt_names: [dns=${name}.example, ip=${address}]}
        enrollments:
          - name: web-${n}
            for_each: {n: [1, 02, "3"], address: [10.0.0.1, 10.0.0.2, 10.0.0.3]}
            template: server
            key: generate://pkcs8@ec:p256/keys/${name}
            output: out/${n}
        """)
    assert [item.name for item in document.items] == ["web-1", "web-02", "web-3"]
    second = document.items[1]
    assert second.template.subject.text == "CN=web-02"
    assert [str(name) for name in second.template.alt_names] == ["dns=web-02.example", "ip=10.0.0.2"]
    assert second.key.path == str(bench.folder / "keys/web-02.prv")
    assert second.output == Output(prefix=str(bench.folder / "out/02"))


def test_rows_may_use_variables_of_the_command_line(bench):
    document = bench.lab(
        """\
        enrollments:
          - name: ${site}-${n}
            for_each: {n: ["${site}1", 2]}
            subject: CN=${name}
            key: generate://pkcs8@ec/${name}
            output: ${name}
        """,
        variables={"site": "hel"},
    )
    assert [item.name for item in document.items] == ["hel-hel1", "hel-2"]


def test_for_each_wins_over_the_name_and_the_name_over_the_command_line(bench):
    document = bench.lab(
        """\
        enrollments:
          - {name: "a-${n}", for_each: {n: [1]}, subject: "CN=${name}/${n}", key: "generate://pkcs8@ec/a", output: a}
          - {name: b, for_each: {name: [c]}, subject: "CN=${name}/${n}", key: "generate://pkcs8@ec/b", output: b}
        """,
        variables={"n": "9", "name": "outer"},
    )
    assert [item.template.subject.text for item in document.items] == ["CN=a-1/1", "CN=c/9"]


def test_a_for_each_of_nothing_is_nothing(bench):
    text = 'enrollments: [{name: "a-${n}", for_each: {n: []}, key: "generate://pkcs8@ec/a", output: a}]'
    assert not bench.lab(text).items


def test_what_the_entry_says_wins_over_the_template(bench):
    bench.touch("old.crt", "older.crt")
    document = bench.lab("""\
        templates:
          all:
            subject: CN=template
            alt_names: [dns=template.example]
            key_usage: [cRLSign, DigitalSignature, digitalSignature]
            extended_key_usage: [serverAuth, 1.3.6.1.5.5.7.3.1, clientauth]
            certificate: old.crt
        enrollments:
          - {name: a, template: all, key: "generate://pkcs8@ec/a", output: a}
          - {name: b, template: all, subject: "CN=b", alt_names: [], certificate: older.crt,
             key_usage: [keyAgreement], extended_key_usage: [1.2.3], key: "generate://pkcs8@ec/b", output: b}
        """)
    first, second = (item.template for item in document.items)
    assert first.subject.text == "CN=template"
    assert first.key_usage == ("digitalSignature", "cRLSign")
    assert first.extended_key_usage == ("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2")
    assert first.reference == str(bench.folder / "old.crt")
    assert second.subject.text == "CN=b"
    assert second.alt_names == ()
    assert second.key_usage == ("keyAgreement",)
    assert second.extended_key_usage == ("1.2.3",)
    assert second.reference == str(bench.folder / "older.crt")


def test_places_of_an_item_are_those_of_the_entry_and_of_its_template(bench):
    (item,) = bench.lab("""\
        templates:
          all: {subject: CN=a, key_usage: [digitalSignature]}
        enrollments:
          - name: a
            template: all
            key_usage: [keyAgreement]
            key: generate://pkcs8@ec/a
            output: a
        """).items
    file = str(bench.folder / "m.yaml")
    assert item.place == Place(file, 6, 5)
    assert item.at("subject") == Place(file, 4, 18)
    assert item.at("key_usage") == Place(file, 8, 16)
    assert item.at("renew_before") == item.place


def test_credentials_hold_references(bench):
    bench.touch("op.crt", "op.prv", "psk")
    credentials = bench.lab("""\
        credentials:
          env: {psk: {env: LINE7_PSK}, iterations: 1024}
          file: {psk: {file: ./psk}}
          command: {psk: {command: [pass, show, "a $HOME $$ ${b}"]}}
          literal: {psk: "4711:$$sword${fish"}
          pair: {certificate: op.crt, key: "file://${env:OP}/op.prv"}
        """).credentials
    assert isinstance(credentials["env"], PskCredential)
    assert credentials["env"].secret == SecretRef("env", "LINE7_PSK")
    assert credentials["env"].mac.iterations == 1024
    assert credentials["file"].secret == SecretRef("file", str(bench.folder / "psk"))
    assert credentials["file"].mac.iterations is None
    assert credentials["command"].secret == SecretRef("command", "pass\0show\0a $HOME $$ ${b}")
    assert credentials["literal"].secret == SecretRef("literal", "4711:$$sword${fish")
    assert isinstance(credentials["pair"], CertificateCredential)
    assert credentials["pair"].key == KeyUrl(path=str(bench.folder / "op.prv"), passphrase="${env:OP}")


def test_a_literal_secret_is_warned_of_and_never_shown(bench):
    document = bench.lab("credentials: {a: {psk: '4711:swordfish'}}")
    (warning,) = document.warnings
    assert warning.severity is Severity.WARNING
    assert "swordfish" not in repr(document)


def test_an_authority_says_how_it_is_reached(bench):
    bench.touch("ca.pem", "root.pem")
    authorities = bench.load("""\
        apiVersion: cmp-batch/v1
        authorities:
          plant:
            url: https://${host}/cmp
            name: C=FI, CN=CA
            certificate: ca.pem
            trust: root.pem
            version: 3
            implicit_confirm: true
            limits: {concurrency: 2, messages_per_second: 0.5, timeout: 5m, retries: 0}
            polling: {max_wait: 2d}
          lab: {url: "lab:", trust: [ca.pem, root.pem]}
        """, variables={"host": "pki.example"}).authorities  # fmt: skip
    plant, lab = authorities["plant"], authorities["lab"]
    assert plant.url == "https://pki.example/cmp"
    assert plant.recipient.text == "C=FI, CN=CA"
    assert plant.certificate == str(bench.folder / "ca.pem")
    assert plant.trust == (str(bench.folder / "root.pem"),)
    assert (plant.version, plant.implicit_confirm, plant.polling.max_wait) == (3, True, 172_800)
    assert plant.limits == Limits(concurrency=2, messages_per_second=0.5, timeout=300, retries=0)
    assert lab.is_lab
    assert lab.limits == Limits()
    assert len(lab.trust) == 2


PAIR = """\
apiVersion: cmp-batch/v1
authorities: {plant: {url: "http://pki.example", trust: ca.pem, credential: line-7}}
credentials:
  line-7: {psk: {env: LINE7}}
  operator: {certificate: x.crt, key: "file:x.prv"}
"""


def test_an_entry_without_a_credential_uses_its_authoritys(bench):
    bench.touch("ca.pem", "x.crt", "x.prv")
    document = bench.load(
        PAIR
        + """\
enrollments:
  - {name: a, subject: CN=a, key: "generate://pkcs8@ec/a", output: a, renew_before: 30d, request: cr}
  - {name: b, subject: CN=b, key: "file:x.prv", output: {file: b.der, format: der}, credential: operator}
updates:
  - {name: c, certificate: x.crt, key: "file:x.prv", output: c}
  - {name: d, certificate: x.crt, key: "x.prv", new_key: "generate://pkcs1@rsa:2048/d", output: d, credential: line-7}
revocations:
  - {name: e, certificate: x.crt, depends_on: d}
  - {name: f, certificate: x.crt, key: "file:x.prv", reason: superseded, depends_on: [a, b, a]}
"""
    )
    a, b, c, d, e, f = document.items
    assert isinstance(a, Enrollment)
    assert isinstance(c, Update)
    assert isinstance(e, Revocation)
    assert [item.credential for item in document.items] == ["line-7", "operator", None, "line-7", "line-7", None]
    assert {item.authority for item in document.items} == {"plant"}
    assert (a.request, b.request) == ("cr", "")
    assert a.renew_before == RenewBefore(before=timedelta(days=30))
    assert b.output == Output(file=str(bench.folder / "b.der"), format="der")
    assert c.new_key is None
    assert d.new_key == KeyUrl(str(bench.folder / "d.prv"), "pkcs1", KeySpec("rsa", "2048"))
    assert (e.reason, f.reason) == ("unspecified", "superseded")
    assert (e.depends_on, f.depends_on) == (("d",), ("a", "b"))
    assert f.key == KeyUrl(str(bench.folder / "x.prv"))


def test_what_an_item_makes_need_not_be_there_yet(bench):
    document = bench.lab("""\
        enrollments:
          - {name: a, subject: CN=a, key: "generate://pkcs8@ec/keys/a", output: out/a}
        updates:
          - {name: b, certificate: out/../out/a-0.crt, key: "file:./keys/a.prv", output: {file: b.crt}}
        revocations:
          - {name: c, certificate: b.crt}
        """)
    assert len(document.items) == 3


@pytest.mark.parametrize("count", [5, 2000])
def test_a_mistake_in_every_row_is_told_a_few_times(bench, count):
    findings = bench.findings(f"""\
        enrollments:
          - {{name: "a-${{n}}", for_each: {{n: [{", ".join(map(str, range(count)))}]}}, output: "${{n}}",
             key: "generate://pkcs8@ec/${{n}}", subject: "CN=a", alt_names: ["ip=10.0.0.${{n}}00000"]}}
        """)
    place = "3:68"
    assert findings[-1] == f"{place} … and {count - 3} more findings at this place"
    assert len(findings) == 4
    assert {finding.split(" ")[0] for finding in findings} == {place}


def test_all_mistakes_are_told_in_one_run(bench):
    findings = bench.findings("""\
        credentials: {a: {psk: {env: A, nev: B}}, a: {psk: {env: A}}}
        templates: {t: {subject: web, colour: red}}
        enrollments:
          - {name: one, template: s, key: "generate://pkcs8@ec:p255/x", output: [x]}
          - {name: two, authority: x, depends_on: three, key: 7, output: y}
        """)
    assert findings == [
        "1:24 credentials.a.psk takes one key, not 'env', 'nev'",
        "1:33 unknown key 'nev' in credentials.a.psk",
        "1:43 duplicate key 'a'",
        '2:26 subject: "web" is not TYPE=value; a comma inside a value is written \\,',
        "2:31 unknown key 'colour' in templates.t",
        "4:27 unknown template 's'",
        (
            "4:35 key: unknown curve 'p255': did you mean p256? one of p256, p384, p521, brainpoolp256r1, "
            "brainpoolp384r1, brainpoolp512r1, secp256k1 (at character 18)"
        ),
        "4:73 enrollments[0].output should be text or a mapping, not a list",
        "5:28 unknown authority 'x'",
        "5:43 unknown item 'three'",
        "5:55 enrollments[1].key should be text, not a number",
    ]


def test_a_long_circle_is_told_in_short(bench):
    entries = "\n".join(
        f'  - {{name: i{n}, subject: CN=i, key: "generate://pkcs8@ec/{n}", output: o{n}, depends_on: i{(n + 1) % 900}}}'
        for n in range(900)
    )
    (finding,) = bench.findings(f"enrollments:\n{entries}\n")
    assert finding.endswith("circle: i0 → i1 → i2 → i3 → i4 → i5 → i6 → i7 → i8 → … → i0")
