"""The command line described by its own parsers: manual page, Markdown reference, and completion for three shells."""
