"""Keras networks for biomedicine."""

__version__ = "0.1.0"
