"""Examining an authority for `cmp-batch doctor`: step by step, whose the trouble is, and what to do next."""
