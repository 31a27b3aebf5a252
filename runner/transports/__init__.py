"""Ways to carry one CMP message to a peer and bring its answer back."""
