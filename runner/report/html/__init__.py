"""A run as one HTML page that needs nothing else: no server, no network, no script but its own."""
