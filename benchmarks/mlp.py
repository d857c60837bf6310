"""The multilayer perceptron 784-512-512-10 beside PyTorch."""

from typing import Any

from training_step import compare_training_step


def build() -> Any:
    from kerasbio import build_mlp

    return build_mlp((784,), 10)


def twin(nn: Any) -> list[Any]:
    return [
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    ]  # fmt: skip


if __name__ == "__main__":
    compare_training_step("Multilayer perceptron 784-512-512-10", build, twin, 10)
