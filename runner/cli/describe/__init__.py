"""What `inspect` says about files: octets → described blocks, secrets never."""
