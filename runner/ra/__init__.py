"""A registration authority, sans IO: judges, amends, forwards and answers requests (RFC 9483 §5.2)."""
