"""Deciding, from plain data alone, what will happen to each item and why."""
