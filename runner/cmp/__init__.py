"""The CMP core, sans IO: octets in, octets out (RFC 4210, 9483, 9810)."""
