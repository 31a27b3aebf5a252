"""`python -m runner` is `cmp-batch`."""

from runner.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
