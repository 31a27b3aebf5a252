"""plan --verbose: what is in effect for each authority, by its profile and its own keys."""

from __future__ import annotations

from support.program import program

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities:
  plant: {url: "http://127.0.0.1:9/", name: CN=CA, profile: ejbca-ra, version: 3, credential: line-7}
credentials: {line-7: {psk: {env: LINE7_PSK}, iterations: 1024}}
enrollments: [{name: web, subject: CN=web, key: "generate://pkcs8@ec:p256/web", output: web}]
"""


def test_the_settings_in_effect_are_shown(tmp_path):
    (tmp_path / "m.yaml").write_text(MANIFEST)
    done = program("plan", "m.yaml", "--verbose", cwd=tmp_path)
    assert done.returncode == 2
    shown = done.stdout.split("authority plant: profile ejbca-ra\n")[1]
    assert "  version           3\n" in shown
    assert "  mac               pbm, sha256, hmac-sha256, 1024 iterations (line-7)\n" in shown
    assert "authority" not in program("plan", "m.yaml", cwd=tmp_path).stdout
