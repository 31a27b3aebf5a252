"""Rows share what is the same for all of them: each reads as it does where it is the only one in the table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.errors import BadInput
from runner.manifest.load import load_manifest

CELLS = ["a", "b", "", "a b", "a,b", "a+b", "#a", "\\", '"', "$", "${a}", "ä", "..", "a/../b", "/x", "%41", "10.0.0.1"]
CELLS += ["keyAgreement", "rsa:1024", "ec:p384", "60d", "lab", "other", "C=FI", "dns=x.example", "2.5.29.99"]
TEXTS = {
    "subject": ["C=FI, O=x, CN=${name}", "CN=always", "${a}", "CN=${a}, OU=b+O=${b}", "O=$$x, CN=${missing}"],
    "alt_names": [["dns=${name}.example"], ["ip=${a}", "dns=same.example"], ["dn=CN=${a}", "uri=http://${a}/"], []],
    "key_usage": [["digitalSignature"], ["${a}", "keyEncipherment"], ["nonsense"]],
    "extended_key_usage": [["serverAuth", "clientAuth", "serverAuth"], ["${a}"]],
    "certificate_policies": [["1.2.3"], ["${a}"]],
    "basic_constraints": [{"ca": True, "path_length": 1}, {"path_length": 1}],
    "extensions": [{"1.2.3.4": "0500"}, {"1.2.3.4": {"der": "${a}", "critical": True}}],
    "not_after": ["2030-01-01", "${a}"],
    "valid_for": ["90d", "${a}"],
    "cert_profile": ["plain", "${a}"],
    "labels": [{"site": "north"}, {"site": "${a}"}],
}
ENTRY = {
    "authority": ["lab", "other", "${a}"],
    "credential": ["line-7", "${a}"],
    "key": ["generate://pkcs8@ec:p256/out/${name}", "generate://${b}@${a}/out/${name}", "file:${a}.prv"],
    "output": ["out/${name}", "./out//${name}", {"prefix": "out/${name}", "chain": "out/${a}.pem"}, "${a}"],
    "renew_before": ["30d", "${a}"],
    "backup": [True],
    "key_generation": ["central"],
    "proof_of_possession": ["signature", "encryption"],
    "on_remove": ["revoke"],
    "hooks": [{"on_success": ["true", "${a}"], "timeout": "${b}"}],
    "kdf": ["scrypt"],
    "allow_weak": [True],
}

UNTOLD = "file not found"
"""What is looked for only where all rows can be read."""


def some(choices, *always):
    kept = {key: st.sampled_from(values) for key, values in choices.items()}
    return st.fixed_dictionaries(
        {key: kept[key] for key in always}, optional={key: kept[key] for key in kept if key not in always}
    )


manifests = st.fixed_dictionaries(
    {
        "entry": some(TEXTS | ENTRY, "key", "output", "authority"),
        "template": some(TEXTS),
        "defaults": some(ENTRY),
        "rows": st.lists(st.tuples(*[st.sampled_from(CELLS)] * 2), min_size=2, max_size=4),
    }
)


def told(folder: Path, rows: list[list[str] | None]) -> tuple[list[object], set[object]]:
    """The items of a table, or what is wrong; a row that is None is an empty line."""
    table = io.StringIO()
    writer = csv.writer(table)
    for row in [["name", "a", "b"], *rows]:
        writer.writerow(row or [])
    (folder / "rows.csv").write_text(table.getvalue(), encoding="utf-8", newline="")
    try:
        document = load_manifest([folder / "m.yaml"])
    except BadInput as problem:
        found = {(each.summary, each.place) for each in problem.diagnostics}
        return [], {each for each in found if not each[0].startswith(UNTOLD)}
    warned = [[each for each in document.warnings if each.place == item.place] for item in document.items]
    return [(item, dict(item.places), found) for item, found in zip(document.items, warned, strict=True)], set()


@settings(max_examples=100, deadline=None)
@given(manifests)
@example(
    {
        "entry": {"key": "generate://pkcs8@ec:p256/out/${name}", "output": "out/${name}", "authority": "lab"},
        "template": {"subject": "CN=${name}", "key_usage": ["${a}"], "valid_for": "90d"},
        "defaults": {"renew_before": "${b}"},
        "rows": [("digitalSignature", "30d"), ("keyAgreement", "60d")],
    }
)
def test_a_row_reads_the_same_with_others_and_alone(manifest):
    entry = {"name": "${name}", "for_each": {"csv": "rows.csv"}, "template": "t", **manifest["entry"]}
    whole = {
        "apiVersion": "cmp-batch/v1",
        "authorities": {"lab": {"url": "lab:"}, "other": {"url": "lab:", "credential": "line-7"}},
        "credentials": {"line-7": {"psk": {"env": "A"}}},
        "templates": {"t": manifest["template"]},
        "defaults": {"enrollments": manifest["defaults"]},
        "enrollments": [entry],
    }
    rows = [[f"n{number}", *cells] for number, cells in enumerate(manifest["rows"])]
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "m.yaml").write_text(json.dumps(whole, indent=1, ensure_ascii=False), encoding="utf-8")
        together = told(folder, rows)
        alone = [told(folder, [row if row is each else None for row in rows]) for each in rows]
    if together[0]:
        assert together[0] == [item for items, _ in alone for item in items]
    if not _between(together[1]):
        assert together[1] == set().union(*(found for _, found in alone))


def _between(found: set[object]) -> bool:
    """Whether something is told that only shows between items, or only of the first few."""
    words = ("two items write", "more findings at this place")
    return any(word in str(each) for each in found for word in words)
