"""The tables of docs/profiles.md are runner/pki/servers.py, and the schema names the same profiles.

With CMP_BATCH_GOLDEN=write the tables are written anew and the test fails, so that somebody looks.
"""

from __future__ import annotations

import json
import os
import re

import pytest
from support.markdown import ROOT, text_of

from runner.pki.servers import PROFILES, STRICT, WORDS, Tolerance

PAGE = ROOT / "docs" / "profiles.md"


def tolerances():
    rows = [f"| `{tolerance.value}` | {WORDS[tolerance]} |\n" for tolerance in Tolerance]
    return "| name | what is let pass |\n|---|---|\n" + "".join(rows)


def profiles():
    return "| profile | server | tolerates | MAC | otherwise |\n|---|---|---|---|---|\n" + "".join(map(row, PROFILES))


def row(name):
    profile = PROFILES[name]
    tolerated = ", ".join(f"`{tolerance.value}`" for tolerance in Tolerance if tolerance in profile.tolerates)
    cells = (f"`{name}`", profile.about, tolerated, mac(profile.mac), otherwise(profile))
    return f"| {' | '.join(cells)} |\n"


def mac(parameters):
    return f"{parameters.kind}, {parameters.owf}, {parameters.mac}, {parameters.iterations}"


def otherwise(profile):
    """The settings that are not the usual ones, by their keys."""
    keys = ("implicit_confirm", "old_cert_id", "sender", "send_extra_certs", "message_time", "template_version")
    keys += ("most_iterations", "absolute_uri", "trailing_slash")
    values = {key: getattr(profile, key) for key in keys if getattr(profile, key) != getattr(STRICT, key)}
    values = {"http.absolute_uri" if key == "absolute_uri" else key: value for key, value in values.items()}
    return ", ".join(
        f"`{key}: {value if isinstance(value, str) else json.dumps(value)}`" for key, value in values.items()
    )


TABLES = {"tolerances": tolerances(), "profiles": profiles()}


def rewritten(text):
    for name, table in TABLES.items():
        text = re.sub(rf"<!-- {name} -->\n(?:\|.*\n)*", lambda _, n=name, t=table: f"<!-- {n} -->\n{t}", text)
    return text


def test_the_page_says_what_the_table_says():
    text = text_of(PAGE)
    if os.environ.get("CMP_BATCH_GOLDEN") == "write":
        PAGE.write_text(rewritten(text), encoding="utf-8")
        pytest.fail("docs/profiles.md is written: look at it")
    assert rewritten(text) == text, "CMP_BATCH_GOLDEN=write brings it up to date"


def test_the_schema_names_the_same_profiles():
    schema = json.loads(text_of(ROOT / "schemas" / "manifest.schema.json"))
    assert schema["$defs"]["serverProfile"]["enum"] == list(PROFILES)
