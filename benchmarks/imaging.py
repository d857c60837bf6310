"""Imaging networks beside PyTorch: training step and inference, equal weights and outputs.

MONAI's own networks of the nearest size run along where it has them: those are other networks.
Names of networks after the program take these only.
"""

import copy
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness import OURS, THREADS, Side, measure, print_ratios, ratio

BLOCKS = 15
TRAINING, INFERENCE = "training", "inference"
#: Steps of one call of the side of ours that leaves Keras alone for long.
GROUP = 8
ONE_GRAPH = "kerasbio, one graph"
EAGER, COMPILED, MONAI = "PyTorch", "PyTorch, compiled", "MONAI's own"


@dataclass
class Case:
    """A network and its batch.

    Attributes:
        builder: Name of our builder.
        options: What it is given besides shape and classes.
        twin: Name of the network in `twins`.
        arguments: What it is given.
        shape: Of one example.
        classes: Number of classes.
        batch: Examples of a batch.
        steps: Of a block of training, and of a block of inference.
        channels_last: Tasks in which PyTorch was measured to be quicker with its maps last.
        voxels: Whether each voxel has a label.
        peer: Name of MONAI's network, and what it is given.
    """

    builder: str
    options: dict[str, Any]
    twin: str
    arguments: tuple[Any, ...]
    shape: tuple[int, ...]
    classes: int
    batch: int
    steps: tuple[int, int]
    channels_last: tuple[str, ...] = (TRAINING, INFERENCE)
    voxels: bool = False
    peer: tuple[str, dict[str, Any]] | None = None

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Return images, channels last, and their labels."""
        random = np.random.default_rng(0)
        images = random.normal(size=(self.batch, *self.shape)).astype(np.float32)
        shape = images.shape[:-1] if self.voxels else (self.batch,)
        return images, random.integers(self.classes, size=shape)


SMALL = (8, 16, 32, 64)
MONAI_VOLUMES = {"spatial_dims": 3, "in_channels": 1, "out_channels": 3, "strides": (2, 2, 2)}
CASES = {
    "LeNet-5, 32 x 32": Case(
        "build_lenet5", {}, "lenet5", (), (32, 32, 1), 10, 128, (40, 100)
    ),
    "AlexNet, 128 x 128": Case(
        "build_alexnet", {}, "alexnet", (10, 1024), (128, 128, 3), 10, 16, (3, 12), (INFERENCE,)
    ),
    "VGG-16, 64 x 64": Case("build_vgg", {}, "vgg16", (10, 2048), (64, 64, 3), 10, 8, (1, 6)),
    "ResNet-18, 64 x 64": Case(
        "build_resnet", {"depth": 18}, "resnet18", (2, 3, 10, (64, 128, 256, 512)),
        (64, 64, 3), 10, 16, (4, 20), (),
    ),
    "3D ResNet-18, 48 x 48 x 48": Case(
        "build_resnet", {"depth": 18, "filters": (16, 32, 64, 128)},
        "resnet18", (3, 1, 3, (16, 32, 64, 128)), (48, 48, 48, 1), 3, 2, (10, 40), (INFERENCE,),
        peer=("ResNet", {
            "block": "basic", "layers": [2, 2, 2, 2], "block_inplanes": [16, 32, 64, 128],
            "n_input_channels": 1, "num_classes": 3, "conv1_t_stride": 2,
        }),
    ),
    "U-Net, 128 x 128": Case(
        "build_unet", {"filters": (16, 32, 64, 128), "padding": "same"},
        "UNet", (2, 3, (16, 32, 64, 128)), (128, 128, 1), 3, 8, (3, 10), voxels=True,
        peer=("UNet", MONAI_VOLUMES | {
            "spatial_dims": 2, "channels": (16, 32, 64, 128), "num_res_units": 2,
        }),
    ),
    # PyTorch leaves its quick kernels for small volumes that come one by one: both are timed.
    "3D U-Net, 48 x 48 x 48, one": Case(
        "build_unet_3d", {"filters": SMALL, "padding": "same"}, "UNet", (3, 3, SMALL),
        (48, 48, 48, 1), 3, 1, (3, 8), voxels=True,
        peer=("UNet", MONAI_VOLUMES | {"channels": SMALL, "num_res_units": 2}),
    ),
    "3D U-Net, 48 x 48 x 48, two": Case(
        "build_unet_3d", {"filters": SMALL, "padding": "same"}, "UNet", (3, 3, SMALL),
        (48, 48, 48, 1), 3, 2, (2, 5), voxels=True,
        peer=("UNet", MONAI_VOLUMES | {"channels": SMALL, "num_res_units": 2}),
    ),
    "3D Attention U-Net, 48 x 48 x 48": Case(
        "build_attention_unet", {"filters": SMALL}, "AttentionUNet", (3, 3, SMALL),
        (48, 48, 48, 1), 3, 2, (2, 5), voxels=True,
        peer=("AttentionUnet", MONAI_VOLUMES | {"channels": SMALL}),
    ),
}  # fmt: skip


def sides(case: Case) -> dict[str, Side]:
    def side(work: Callable[..., Any], *given: Any) -> Side:
        return lambda folder: work(case, folder, *given)

    # Frozen weights (an option of its compiler) were measured to make none of these quicker.
    found = {OURS: side(ours), EAGER: side(pytorch), COMPILED: side(pytorch, True)}
    if case.steps[0] % GROUP == 0:
        found[ONE_GRAPH] = side(ours, True)
    return found | ({MONAI: side(monai)} if case.peer else {})


def ours(case: Case, folder: Path, one_graph: bool = False) -> Callable[[str], None]:
    """Return our block: `fit`, and `predict_on_batch` of the network as it is exported.

    In one graph: several steps a call of `fit`, and a call of the traced network.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf

    import kerasbio
    from kerasbio.datasets.batches import without_tuning

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    keras.utils.set_random_seed(0)
    model = getattr(kerasbio, case.builder)(case.shape, case.classes, **case.options)
    share(model, case, folder)
    images, labels = case.data()
    training, inference = case.steps
    compile_for_training(model, steps_per_execution=GROUP if one_graph else 1)
    data = without_tuning(tf.data.Dataset.from_tensors((images, labels)).repeat(training))
    folded = kerasbio.fold_batch_normalization(model)
    graph = tf.function(lambda x: folded(x, training=False))

    def block(task: str) -> None:
        if task == TRAINING:
            model.fit(data, verbose=0, shuffle=False)
            return
        for _ in range(inference):
            graph(tf.constant(images)).numpy() if one_graph else folded.predict_on_batch(images)

    return block


def compile_for_training(model: Any, optimizer: Any = None, **options: Any) -> None:
    import keras

    from kerasbio import make_optimizer

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or make_optimizer("adam"), loss, **options)


def share(model: Any, case: Case, folder: Path) -> None:
    """Write down weights, outputs, those after a step of descent, and losses of steps of Adam."""
    import keras

    random = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(random.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(random.uniform(0.5, 2, layer.moving_variance.shape))
    np.savez(folder / "weights.npz", **{w.path: np.asarray(w) for w in model.weights})
    images, labels = case.data()
    outputs = model.predict_on_batch(images)
    dropout = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    rates = [layer.rate for layer in dropout]
    for layer in dropout:
        layer.rate = 0.0
    # The first steps of Adam are signs, which differ where a gradient is nothing but rounding.
    compile_for_training(model, keras.optimizers.SGD(0.001))
    model.train_on_batch(images, labels)
    stepped = model(images, training=True)
    compile_for_training(model)
    losses = [model.train_on_batch(images, labels) for _ in range(2)]
    np.savez(folder / "shared.npz", outputs=outputs, stepped=stepped, losses=losses)
    for layer, rate in zip(dropout, rates, strict=True):
        layer.rate = rate


def pytorch(case: Case, folder: Path, compiled: bool = False) -> Callable[[str], None]:
    import torch
    import twins

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    network = getattr(twins, case.twin)(*case.arguments)
    twins.load(network, np.load(folder / "weights.npz"))
    return torch_block(case, network, compiled, np.load(folder / "shared.npz"))


def monai(case: Case, folder: Path) -> Callable[[str], None]:
    import torch
    from monai.networks import nets

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    assert case.peer
    name, options = case.peer
    return torch_block(case, getattr(nets, name)(**options))


def torch_block(
    case: Case, network: Any, compiled: bool = False, shared: Any = None
) -> Callable[[str], None]:
    """Return the block of a network of PyTorch, once it has done what `shared` says."""
    import torch

    images, targets = case.data()
    inputs, labels = torch.from_numpy(np.moveaxis(images, -1, 1).copy()), torch.from_numpy(targets)
    last = torch.channels_last if inputs.ndim == 4 else torch.channels_last_3d
    forms = {
        task: last if task in case.channels_last else torch.contiguous_format
        for task in (TRAINING, INFERENCE)
    }
    batches = {task: inputs.to(memory_format=form) for task, form in forms.items()}
    if shared is not None:
        check(network, inputs, labels, shared)
    run = torch.compile(network) if compiled else network
    optimizer = torch.optim.Adam(network.parameters(), 0.001, fused=True)
    training, inference = case.steps

    def block(task: str) -> None:
        if network.training != (task == TRAINING):
            network.train(task == TRAINING).to(memory_format=forms[task])
        if task == TRAINING:
            for _ in range(training):
                step(run, batches[task], labels, optimizer)
            return
        with torch.inference_mode():
            for _ in range(inference):
                run(batches[task]).numpy()

    network.eval()
    return block


def step(network: Any, inputs: Any, labels: Any, optimizer: Any) -> float:
    from torch.nn.functional import cross_entropy

    optimizer.zero_grad()
    loss = cross_entropy(network(inputs), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def check(network: Any, inputs: Any, labels: Any, shared: Any) -> None:
    """Assert that a network does what ours did, and leave it as it is."""
    import torch

    network = copy.deepcopy(network)

    def outputs() -> np.ndarray:
        return np.moveaxis(network(inputs).detach().numpy(), 1, -1)

    network.eval()
    near(outputs(), shared["outputs"], 1e-4)
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    step(network, inputs, labels, torch.optim.SGD(network.parameters(), 0.001))
    near(outputs(), shared["stepped"], 1e-2)
    # Keras adds its epsilon of 1e-7 before it corrects for the first steps.
    eps = 1e-7 / (1 - 0.999) ** 0.5
    optimizer = torch.optim.Adam(network.parameters(), 0.001, eps=eps)
    losses = [step(network, inputs, labels, optimizer) for _ in range(2)]
    near(losses, shared["losses"], 1e-3)


def near(found: Any, expected: np.ndarray, tolerance: float) -> None:
    """Assert that numbers are equal up to a share of the largest."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * abs(expected).max())


def main() -> None:
    names = sys.argv[1:]
    found: dict[str, dict[str, tuple[float, float, float]]] = {TRAINING: {}, INFERENCE: {}}
    for title, case in CASES.items():
        if names and not any(name in title for name in names):
            continue
        times = measure(title, sides(case), tuple(found), BLOCKS)
        for (task, of_task), steps in zip(times.items(), case.steps, strict=True):
            print(f"{title}: {task}, batch {case.batch}, {THREADS} threads")
            print_ratios(of_task, steps)
            forms = [name for name in (EAGER, COMPILED) if name in of_task]
            peer = min(forms, key=lambda name: np.median(of_task[name]))
            found[task][title] = ratio(of_task[peer], of_task[OURS])
    for task, ratios in found.items():
        mean = np.exp(np.mean([np.log(middle) for middle, _, _ in ratios.values()]))
        slower = [title for title, (_, _, high) in ratios.items() if high < 1]
        print(
            f"{task}: geometric mean of the ratios to the quicker form of PyTorch {mean:.2f}; "
            f"wholly below 1: {'; '.join(slower) or 'none'}"
        )


if __name__ == "__main__":
    main()
