"""cmp-batch: a declarative batch runner for certificate lifecycle over CMP (RFC 4210, 9483, 9810)."""

__version__ = "0.1.0"
