"""`python -m runner` is `cmp-batch`. Ctrl-C is answered from here on, while the program is being imported, too."""

import gc
import sys

INTERRUPTED = 130
"""As in runner.cli.exits, which is not imported yet."""


def main() -> int:
    """The command line of this process; its exit status."""
    try:
        from runner.cli.main import main as run  # noqa: PLC0415 - what may be interrupted

        status = run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    gc.freeze()  # what is left goes with the process: looking through all of it for garbage took a twentieth of a start
    return status


if __name__ == "__main__":
    raise SystemExit(main())
