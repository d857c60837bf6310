"""The options of a run, resolved once and kept with it."""

import dataclasses
import json
from typing import Any

DRY_RUN_SAMPLES = 64


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """What every training recipe takes. None means the recipe's or the builder's own default.

    Attributes:
        epochs: Passes over the training cases.
        batch_size: Cases per update.
        samples: Cases to generate, or the most to read from `data`.
        learning_rate: Factor on each optimizer's own default rate.
        optimizer: Name of an optimizer, of `kerasbio.names.OPTIMIZERS`.
        schedule: Name of a schedule, of `kerasbio.names.SCHEDULES`.
        warmup_epochs: Epochs over which the rate rises linearly from 0.
        clip_norm: Largest global norm of the gradients.
        clip_variable_norm: Largest norm of each variable's gradient.
        clip_value: Largest absolute value of a gradient.
        clip_adaptive: Percentile of the norms so far that the global norm is limited to.
        batch_norm: Whether to use batch normalization.
        freeze_batch_norm_at: Epoch, counted from 1, from which moving statistics stay.
        batch_norm_momentum: Momentum of moving statistics in the first and the last epoch.
        reestimate_batch_norm: Whether moving statistics are estimated anew after training.
        seed: Seed of the data, the weights and the order.
        data: Path of the user's own data.
        output: Folder that holds `runs/` and `saved_models/`.
        name: Name of the run.
        resume: Whether to go on with a run that exists.
        dry_run: Whether to try every stage on a few cases.
        minutes: Time after which no further epoch is begun.
        extra: The recipe's own options.
        given: Names of the options that the user typed.
    """

    epochs: int | None = None
    batch_size: int | None = None
    samples: int | None = None
    learning_rate: float | None = None
    optimizer: str | None = None
    schedule: str | None = None
    warmup_epochs: float | None = None
    clip_norm: float | None = None
    clip_variable_norm: float | None = None
    clip_value: float | None = None
    clip_adaptive: float | None = None
    batch_norm: bool | None = None
    freeze_batch_norm_at: int | None = None
    batch_norm_momentum: list[float] | None = None
    reestimate_batch_norm: bool = False
    seed: int = 0
    data: str | None = None
    output: str = "."
    name: str | None = None
    resume: bool = False
    dry_run: bool = False
    minutes: float | None = None
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)
    given: tuple[str, ...] = ()

    def with_defaults(self, **defaults: Any) -> "RunOptions":
        """Return a copy in which `defaults` fill what is None."""
        missing = {name: value for name, value in defaults.items() if getattr(self, name) is None}
        return dataclasses.replace(self, **missing)

    def for_dry_run(self) -> "RunOptions":
        """Return a copy for one epoch on few cases if this is a dry run, else the same."""
        if not self.dry_run:
            return self
        samples = min(self.samples or DRY_RUN_SAMPLES, DRY_RUN_SAMPLES)
        return dataclasses.replace(self, epochs=1, samples=samples)

    @property
    def is_smoke(self) -> bool:
        """Whether the run is too short for its model to be published."""
        return self.dry_run or self.epochs == 1

    def describe(self) -> str:
        """Return how the run trains, in a sentence: what a reader of its report asks first."""
        parts = [
            f"{self.optimizer} at {self.learning_rate or 1:g} times its own rate",
            f"{self.schedule or 'constant'} schedule"
            + (f" after {self.warmup_epochs:g} epochs of warm-up" if self.warmup_epochs else ""),
            f"batches of {self.batch_size}",
            f"at most {self.epochs} epochs",
        ]
        names = (
            "batch_norm", "clip_norm", "clip_variable_norm", "clip_value", "clip_adaptive",
            "freeze_batch_norm_at",
        )  # fmt: skip
        given = {name: getattr(self, name) for name in names}
        parts += [f"{name.replace('_', ' ')} {v}" for name, v in given.items() if v is not None]
        if self.batch_norm_momentum:
            first, last = self.batch_norm_momentum
            parts.append(f"batch norm momentum {first:g} to {last:g}")
        if self.reestimate_batch_norm:
            parts.append("batch norm statistics estimated anew")
        return ", ".join([*parts, f"seed {self.seed}"])

    def to_json(self) -> str:
        """Return the options that define the run: not `resume`, `given`, or where it lies."""
        options = dataclasses.asdict(self)
        for name in ("resume", "given", "output", "name"):
            del options[name]
        return json.dumps(options, indent=2) + "\n"
