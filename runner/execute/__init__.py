"""Doing it: observe the disk, run each step end to end, schedule, record."""
