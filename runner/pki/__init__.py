"""Names, extensions, keys, certificates and certification paths: pure functions over octets."""
