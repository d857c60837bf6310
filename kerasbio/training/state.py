"""Everything that a step of training reads or changes, as arrays."""

import re
from collections.abc import Iterable
from typing import Any

import keras

from kerasbio.callbacks.hook import optimizers_of
from kerasbio.training.checkpoint import Arrays


def collect_state(model: keras.Model) -> dict[str, Arrays]:
    """Return the state of a model in groups of arrays: weights and the states of its seed
    generators, optimizers, metrics, and whatever a trainer names in `state`."""
    return {
        group: {name: variable.numpy() for name, variable in variables.items()}
        for group, variables in _variables(model).items()
    }


def restore_state(model: keras.Model, arrays: dict[str, Arrays], groups: Iterable[str]) -> None:
    """Give variables the values that `collect_state` returned.

    Args:
        model: The model, built alike.
        arrays: Groups of arrays by name.
        groups: The groups to restore.

    Raises:
        ValueError: If names or shapes differ.
    """
    variables = _variables(model)
    for group in groups:
        shapes = {name: tuple(v.shape) for name, v in variables[group].items()}
        found = {name: a.shape for name, a in arrays[group].items()}
        if shapes != found:
            odd = sorted(set(shapes.items()) ^ set(found.items()))
            raise ValueError(f"the {group} are those of another network, first at {odd[0][0]}")
        for name, variable in variables[group].items():
            variable.assign(arrays[group][name])


STATES = ("weights", "optimizers", "trainer")


AUTOMATIC = re.compile(r".*/|_\d+$")


def _variables(model: keras.Model) -> dict[str, dict[str, Any]]:
    optimizers = [
        (f"{name}/{variable.path}", variable)
        for name, optimizer in optimizers_of(model).items()
        for variable in optimizer.variables
    ]
    trainer = getattr(model, "state", None) or {}
    return {
        "weights": _numbered((v.path, v) for v in model.variables),
        "optimizers": _numbered(optimizers),
        "metrics": _numbered((v.path, v) for v in model.metrics_variables),
        "trainer": dict(trainer),
    }


def _numbered(named: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    # Paths of Keras need not differ, and their automatic numbers vary with what was made before.
    return {f"{i}:{AUTOMATIC.sub('', path)}": v for i, (path, v) in enumerate(named)}
