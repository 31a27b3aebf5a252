"""What a profile says of HTTP and of messages reaches the authority, and what the manifest says wins."""

from __future__ import annotations

import pytest

MANIFEST = """\
apiVersion: cmp-batch/v1
authorities:
  ca: {{url: "http://pki.example.com/pkix/", certificate: ca.pem, {more}}}
"""


@pytest.mark.parametrize(
    ("more", "absolute", "timed", "versioned"),
    [
        ("profile: insta", False, True, False),
        ("profile: insta-3.2", True, True, False),
        ("profile: insta-3.2, http: {headers: {X-Tenant: plant}}", True, True, False),
        ("profile: insta-3.2, http: {absolute_uri: false}", False, True, False),
        ("profile: insta-3.3", False, False, True),
        ("profile: insta-3.3, message_time: true, template_version: false", False, True, False),
        ("http: {absolute_uri: true}", True, True, False),
    ],
)
def test_of_insta_certifier(bench, more, absolute, timed, versioned):
    bench.touch("ca.pem")
    document = bench.load(MANIFEST.format(more=more))
    assert not document.warnings
    (authority,) = document.authorities.values()
    assert (authority.reach.http.absolute_uri, authority.message_time) == (absolute, timed)
    assert authority.template_version == versioned
