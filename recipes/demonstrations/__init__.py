"""The demonstrations: what everyone learns first, tried and drawn."""
