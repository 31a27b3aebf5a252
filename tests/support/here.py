"""The folder of somebody at a shell: two certificates from the embedded lab, said in m.yaml, and the shell is in it."""

from __future__ import annotations

import pytest

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities: {lab: {url: "lab:"}}
enrollments:
  - {name: web-a, subject: CN=a, key: "generate://pkcs8@ec:p256/out/a", output: out/a}
  - {name: web-b, subject: CN=b, key: "generate://pkcs8@ec:p256/out/b", output: out/b}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """That folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path
