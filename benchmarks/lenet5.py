"""LeNet-5 beside PyTorch."""

from typing import Any

from training_step import compare_training_step


def build() -> Any:
    from kerasbio import build_lenet5

    return build_lenet5((32, 32, 1), 10)


def twin(nn: Any) -> list[Any]:
    return [
        nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(),
        nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    ]  # fmt: skip


if __name__ == "__main__":
    compare_training_step("LeNet-5, 32 x 32 x 1", build, twin, 10)
