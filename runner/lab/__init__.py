"""The other end of the wire: a small CA that really issues. Not for production."""
