"""Taking messages from strangers on this machine, for the lab CA and for an RA: octets in, octets out."""
