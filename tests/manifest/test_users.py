"""A mistake in a template, or in defaults, that shows when an entry uses it: told where it is, and who uses it."""

from __future__ import annotations

import pytest

from runner.errors import BadInput
from runner.manifest.load import load_manifest

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
include: shared.yaml
tunnels:
  - {name: desk, requests: inbox, template: server, approve: ask}
enrollments:
  - {name: "web-${n}", for_each: {n: {from: 1, to: 500}}, template: server, key: "generate://pkcs8@ec/${name}"}
  - name: "${name}"
    for_each: {csv: hosts.csv}
    template: server
    key: generate://pkcs8@ec/csv/${name}
    output: csv/${name}
"""
SHARED = """\
apiVersion: cmp-batch/v1
defaults: {enrollments: {output: "${nowhere}"}}
templates:
  base: {alt_names: ["ip=${address}"]}
  server: {extends: base, subject: "CN=${name}", key_usage: [digitalSignatur]}
"""


def test_who_uses_a_template_is_told_with_what_is_wrong_in_it(tmp_path):
    for name, text in (("m.yaml", MANIFEST), ("shared.yaml", SHARED), ("hosts.csv", "name,address\nx,nowhere\n")):
        (tmp_path / name).write_text(text)
    with pytest.raises(BadInput) as caught:
        load_manifest([tmp_path / "m.yaml"])
    told = [f"{each.place}|{each.summary}|{each.why}".replace(f"{tmp_path}/", "") for each in caught.value.diagnostics]
    used = [line.rpartition("used by ")[2] if "used by " in line else line.split("|")[0] for line in told]
    assert used == [
        "hosts.csv:2:address",
        "'web-1' at m.yaml:7:5",
        "'web-1' at m.yaml:7:5",
        "'desk' at m.yaml:5:5",
        "shared.yaml:5:62",
    ], "\n".join(told)
    assert "used at shared.yaml:4:22" in told[0]
