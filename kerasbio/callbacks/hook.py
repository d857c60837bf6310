"""How callbacks reach gradients: one wrapper around an optimizer's `apply`, inside the graph.

A setting changed on an optimizer after `fit` has traced its step is ignored. So a callback adds
a stage once, which rebuilds the train function, and from then on only assigns the stage's
variables: a second `fit`, another setting or a later epoch need no new trace.
"""

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


StageType = TypeVar("StageType", bound=Stage)


class OptimizerHook:
    """The stages around one optimizer's `apply`."""

    def __init__(self, optimizer: keras.optimizers.Optimizer):
        self.stages: dict[type[Stage], Stage] = {}
        #: While False no update takes place: used to look at a step without taking it.
        self.updating = True
        self._optimizer = optimizer
        self._apply = optimizer.apply

    def apply(self, grads: list[Any], trainable_variables: list[Any] | None = None) -> None:
        if trainable_variables is None:
            trainable_variables = self._optimizer._trainable_variables
        trainable_variables = list(trainable_variables)
        pairs = [(g, v) for g, v in zip(grads, trainable_variables, strict=True) if g is not None]
        gradients, variables = [g for g, _ in pairs], [v for _, v in pairs]
        stages = sorted(self.stages.values(), key=lambda stage: stage.order)
        with tf.init_scope():
            if not self._optimizer.built:
                self._optimizer.build(trainable_variables)
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


def optimizers_of(model: keras.Model) -> dict[str, keras.optimizers.Optimizer]:
    """Return the optimizers of a model by name: a trainer's own, else the compiled one."""
    optimizers = getattr(model, "optimizers", None) or {"optimizer": model.optimizer}
    # Under mixed precision the inner optimizer sees gradients that are unscaled and finite.
    return {name: getattr(o, "inner_optimizer", o) for name, o in optimizers.items()}


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
    stages: dict[str, StageType] = {}
    added = False
    for name, optimizer in optimizers_of(model).items():
        hook = hook_of(optimizer)
        if stage not in hook.stages:
            hook.stages[stage] = stage(optimizer)
            added = True
        stages[name] = cast(StageType, hook.stages[stage])
    if added:
        model.make_train_function(force=True)
    return stages
