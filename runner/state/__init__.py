"""What is held and what was done: the inventory (data) and the journal (SQLite)."""
