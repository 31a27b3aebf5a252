"""Where private keys and certificates are kept: files, their formats, and the secrets that open them."""
