"""Classes that are saved as those of Keras that they speed up."""

from collections.abc import Callable

import keras


def saved_as(kind: type) -> Callable[[type], type]:
    """Return a decorator with which objects of a class are saved and pickled as of another.

    What they make loads where kerasbio is not installed, and there takes Keras' own time.

    Args:
        kind: A layer or an optimizer of Keras, of the same name and configuration.
    """
    module = "keras.layers" if issubclass(kind, keras.layers.Layer) else "keras.optimizers"

    def decorate(cls: type) -> type:
        cls.__module__ = module
        cls._unpickle_model = kind._unpickle_model  # type: ignore[attr-defined]
        return cls

    return decorate
