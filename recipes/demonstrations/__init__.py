"""The demonstrations: what everyone learns first, tried and drawn."""

from typing import NamedTuple


class Demonstration(NamedTuple):
    """What a demonstration shows.

    Attributes:
        name: Name of its command under `kerasbio demo`.
        shows: What it shows.
    """

    name: str
    shows: str


DEMONSTRATIONS = (
    Demonstration("activations", "Every activation with its derivative"),
    Demonstration("optimizer-paths", "What each optimizer makes of a ravine"),
    Demonstration("universal-approximation", "Width against depth on three functions"),
    Demonstration("gradient-health", "Gradients that vanish and explode, and what helps"),
)
