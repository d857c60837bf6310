"""The `kerasbio` command."""
