"""Finding keys and certificates that are there already, and saying them in a manifest."""
