"""Simulated patients: bodies, tissue and how they are imaged."""
