"""Agents of tf-agents on Keras 3 networks, driven by `fit`."""
