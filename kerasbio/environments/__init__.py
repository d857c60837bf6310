"""Clinical environments in which an agent acts on many simulated patients at once."""
