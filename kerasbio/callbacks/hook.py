"""How callbacks reach gradients: one wrapper around an optimizer's `apply`, inside the graph.

A setting changed on an optimizer after `fit` has traced its step is ignored. So a callback adds
a stage once, which rebuilds the train function, and from then on only assigns the stage's
variables: a second `fit`, another setting or a later epoch need no new trace.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import keras
import tensorflow as tf


class Stage:
    """What a callback does to the gradients of one optimizer in every step.

    Variables are made in `__init__`, or in `prepare` if they depend on the gradients.
    """

    #: Stages run from low to high: measure what came, refuse it, limit it, set the rate.
    order = 0

    def __init__(self, optimizer: keras.optimizers.Optimizer):
        self.optimizer = optimizer

    def prepare(self, variables: list[Any]) -> None:
        """Make state that depends on the variables; called outside the graph at each trace."""

    def __call__(self, gradients: list[Any], variables: list[Any]) -> list[Any]:
        """Return the gradients that go on to the next stage."""
        return gradients

    def allow(self) -> Any | None:
        """Return a bool tensor that says whether the update takes place, or None for always."""
        return None

    def rest(self) -> None:
        """Do nothing more until a callback asks again: called as each `fit` begins, and ends."""


StageType = TypeVar("StageType", bound=Stage)


class OptimizerHook:
    """The stages around one optimizer's `apply`."""

    def __init__(self, optimizer: keras.optimizers.Optimizer):
        self.stages: dict[type[Stage], Stage] = {}
        #: While False no update takes place: used to look at a step without taking it.
        self.updating = True
        self.optimizer = optimizer
        self._apply = optimizer.apply

    def apply(self, grads: list[Any], trainable_variables: list[Any] | None = None) -> None:
        if trainable_variables is None:
            trainable_variables = self.optimizer._trainable_variables
        trainable_variables = list(trainable_variables)
        pairs = [(g, v) for g, v in zip(grads, trainable_variables, strict=True) if g is not None]
        gradients, variables = [_summed(g) for g, _ in pairs], [v for _, v in pairs]
        stages = sorted(self.stages.values(), key=lambda stage: stage.order)
        with tf.init_scope():
            if not self.optimizer.built:
                self.optimizer.build(trainable_variables)
            for stage in stages:
                stage.prepare(variables)
        for stage in stages:
            gradients = stage(gradients, variables)
        if not self.updating:
            return
        allowed = [a for a in (stage.allow() for stage in stages) if a is not None]
        if allowed:
            tf.cond(
                tf.reduce_all(tf.stack(allowed)),
                lambda: self._apply(gradients, variables),
                lambda: None,
            )
        else:
            self._apply(gradients, variables)


def _summed(gradient: Any) -> Any:
    """Return a gradient in which each row of an embedding occurs once.

    A row that a batch looks up twice comes as two parts, of which a norm would be too small.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, places = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def optimizers_of(model: keras.Model) -> dict[str, keras.optimizers.Optimizer]:
    """Return the optimizers of a model by name: a trainer's own, else the compiled one."""
    return getattr(model, "optimizers", None) or {"optimizer": model.optimizer}


def build_state(model: keras.Model, batch: Any) -> None:
    """Make the variables of metrics and optimizers, which Keras would make at the first step.

    Args:
        model: A compiled model.
        batch: One element of the training data.
    """
    if getattr(model, "optimizers", None) is None:
        model._symbolic_build(data_batch=batch)
    for optimizer in optimizers_of(model).values():
        if not optimizer.built:
            optimizer.build(model.trainable_variables)


def hooks_of(model: keras.Model) -> dict[str, OptimizerHook]:
    """Return the hook of each optimizer of a model, by the optimizer's name."""
    # Under mixed precision the inner optimizer sees gradients that are unscaled and finite.
    optimizers = optimizers_of(model).items()
    return {name: hook_of(getattr(each, "inner_optimizer", each)) for name, each in optimizers}


def hook_of(optimizer: keras.optimizers.Optimizer) -> OptimizerHook:
    """Return the hook of an optimizer, wrapping its `apply` the first time."""
    hook = getattr(optimizer.apply, "__self__", None)
    if not isinstance(hook, OptimizerHook):
        hook = OptimizerHook(optimizer)
        optimizer.apply = hook.apply
    return hook


def attach(model: keras.Model, stage: type[StageType]) -> dict[str, StageType]:
    """Return a model's stages of one class by optimizer, adding those that are missing.

    Args:
        model: A compiled model or a trainer with `optimizers`.
        stage: The class of the stage.

    Returns:
        The stage of each optimizer, by the optimizer's name in the model.
    """
    strategy = model.distribute_strategy
    if strategy is not None and strategy.num_replicas_in_sync > 1:
        raise ValueError(
            "the shared callbacks see the gradients of one replica: train on one device, or leave "
            f"them out. Received: {strategy.num_replicas_in_sync} replicas"
        )
    stages: dict[str, StageType] = {}
    added = False
    for name, hook in hooks_of(model).items():
        if stage not in hook.stages:
            hook.stages[stage] = stage(hook.optimizer)
            added = True
        stages[name] = cast(StageType, hook.stages[stage])
    before_each_fit(model, "stages", rest)
    if added:
        model.make_train_function(force=True)
    return stages


def before_each_fit(model: keras.Model, name: str, action: Callable[[keras.Model], None]) -> None:
    """Have a model's `fit` begin with an action, before any callback's `on_train_begin`.

    A `fit` that was broken off, as by Ctrl-C in a notebook, never came to `on_train_end`: what
    its callbacks had switched on must not go on in the next one, which may have none.

    Args:
        model: A compiled model.
        name: What is done; a later action of the same name changes nothing.
        action: Function of the model.
    """
    actions: dict[str, Callable[[keras.Model], None]] | None
    actions = getattr(model.make_train_function, "actions", None)
    if actions is None:
        actions, make = {}, model.make_train_function

        def make_train_function(force: bool = False) -> Any:
            # `fit` calls it so; with `force` it is a callback that asks for a new trace.
            if not force:
                for each in list(actions.values()):
                    each(model)
            return make(force)

        make_train_function.actions = actions  # type: ignore[attr-defined]
        model.make_train_function = make_train_function
    actions.setdefault(name, action)


def rest(model: keras.Model) -> None:
    """Switch off whatever callbacks have switched on, and have not yet switched off."""
    for hook in hooks_of(model).values():
        for stage in hook.stages.values():
            stage.rest()


def distinct_paths(variables: list[Any]) -> list[str]:
    """Return the paths of variables, numbered from the second of a path on.

    Two layers of one name, in two networks that one step trains, have variables of one path.
    """
    seen: dict[str, int] = {}
    paths = []
    for variable in variables:
        path = variable.path
        seen[path] = count = seen.get(path, 0) + 1
        layer, slash, name = path.rpartition("/")
        paths.append(path if count == 1 else f"{layer} ({count}){slash}{name}")
    return paths
