"""Experiments that show a theorem at work, each small enough for a lecture."""
