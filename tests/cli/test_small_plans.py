"""What a plan of many rows takes in memory: of each row, little more than what is its own."""

from __future__ import annotations

import gc
import tracemalloc
from argparse import Namespace

from runner.cli.surveying import survey
from runner.system import SystemClock

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities: {{plant: {{url: "http://127.0.0.1:9/pkix", trust: [root.pem], credential: line}}}}
credentials: {{line: {{psk: {{env: LINE_PSK}}}}}}
enrollments:
  - name: web-${{n}}
    for_each: {{n: {{from: 1, to: {rows}}}}}
    subject: C=FI, O=Example, CN=${{name}}
    alt_names: ["dns=${{name}}.example.com"]
    key: generate://pkcs8@ec:p256/out/${{name}}
    output: {{file: "out/${{name}}.crt"}}
"""
OF_A_ROW = 700
"""Octets: the names, two paths, the digest of what is asked for, and a step."""


def held_by(tmp_path, rows: int) -> int:
    """The octets that a situation of so many rows has in memory."""
    manifest = tmp_path / f"{rows}.yaml"
    manifest.write_text(MANIFEST.format(rows=rows), encoding="utf-8")
    args = Namespace(paths=[manifest], base=None, variables=[], allowed_variables=[], vars_files=[], state=None)
    gc.collect()
    tracemalloc.start()
    try:
        situation = survey(args, SystemClock())
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(situation.plan.steps) == rows
    return held


def test_a_row_takes_little_memory(tmp_path):
    (tmp_path / "root.pem").touch()
    held_by(tmp_path, 20)  # what is imported and remembered once
    few, many = held_by(tmp_path, 400), held_by(tmp_path, 1200)
    assert (many - few) / 800 < OF_A_ROW
