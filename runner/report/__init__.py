"""Results rendered for people and programs."""
