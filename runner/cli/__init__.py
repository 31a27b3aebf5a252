"""The command line: words, wiring and exit codes."""
