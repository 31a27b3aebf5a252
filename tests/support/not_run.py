"""Commands in documents that no test gives, each with what stands in the way: (page, first line of the block) → why."""

from __future__ import annotations

NOT_RUN = {
    ("docs/tutorial.md", "$ python3 -m venv ~/cmp-batch"): "downloads; tests/packaging installs wheel and sdist",
    ("docs/howto/ejbca.md", "$ cmp-batch doctor ra.yaml"): "takes an EJBCA",
    ("docs/howto/renewals.md", "$ sudo install -m 644 packaging/systemd/cmp-batch.service "): "takes root and systemd",
    ("docs/howto/renewals.md", "$ crontab -l"): "takes a crontab of one's own",
    ("benchmarks/README.md", ".venv/bin/pytest -n auto tests/crash --kills 3000"): "the tests, for 20 minutes",
    ("benchmarks/README.md", "make bench"): "takes many minutes; tests try each benchmark with few items",
}
