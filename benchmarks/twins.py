"""Networks of kerasbio as one writes them in PyTorch, and how they get the weights of Keras.

The path of a module, with underscores for dots, is the name of the layer in Keras.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

#: Layers by the number of spatial axes.
CONV = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
NORM = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
POOL = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
MEAN = {2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}
LINEAR = {2: "bilinear", 3: "trilinear"}

#: What PyTorch calls a weight, and what Keras does.
NAMES = (
    ("weight", "kernel"), ("bias", "bias"), ("weight", "gamma"), ("bias", "beta"),
    ("running_mean", "moving_mean"), ("running_var", "moving_variance"),
)  # fmt: skip


def load(network: nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """Copy weights, by their paths in Keras, into a network; each must have its place."""
    left = dict(weights)
    with torch.no_grad():
        for path, module in network.named_modules():
            for name, of_keras in NAMES:
                value = left.pop(f"{path.replace('.', '_')}/{of_keras}", None)
                if value is not None:
                    if value.ndim > 1:
                        # Both have the maps that are seen beside those that are given.
                        value = np.moveaxis(value, (-1, -2), (0, 1))
                    getattr(module, name).copy_(torch.from_numpy(value.copy()))
    assert not left, f"No place for {sorted(left)}"


class Flatten(nn.Module):
    """Flatten maps in the order of Keras, channels last."""

    def forward(self, x: Any) -> Any:
        return x.movedim(1, -1).flatten(1)


def lenet5() -> nn.Module:
    return nn.Sequential(
        OrderedDict(
            c1=nn.Conv2d(1, 6, 5), tanh1=nn.Tanh(), s2=nn.AvgPool2d(2),
            c3=nn.Conv2d(6, 16, 5), tanh3=nn.Tanh(), s4=nn.AvgPool2d(2),
            c5=nn.Conv2d(16, 120, 5), tanh5=nn.Tanh(), flatten=Flatten(),
            f6=nn.Linear(120, 84), tanh6=nn.Tanh(), logits=nn.Linear(84, 10),
        )
    )  # fmt: skip


def alexnet(classes: int, features: int) -> nn.Module:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    inputs = 3
    for stage, (maps, size) in enumerate(
        zip((96, 256, 384, 384, 256), (11, 5, 3, 3, 3), strict=True), 1
    ):
        first, groups = stage == 1, 2 if stage in (2, 4, 5) else 1
        place = {"stride": 4} if first else {"padding": size // 2}
        layers[f"stage{stage}_conv"] = nn.Conv2d(inputs, maps, size, groups=groups, **place)
        layers[f"stage{stage}_relu"] = nn.ReLU(inplace=True)
        if stage < 3:
            # PyTorch divides alpha by the number of maps.
            layers[f"stage{stage}_responses"] = nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)
        if stage in (1, 2, 5):
            layers[f"stage{stage}"] = nn.MaxPool2d(3, 2)
        inputs = maps
    return nn.Sequential(layers | _dense("fc6", "fc7", features, classes))


def vgg16(classes: int, features: int) -> nn.Module:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    inputs = 3
    for stage, (maps, count) in enumerate(
        zip((64, 128, 256, 512, 512), (2, 2, 3, 3, 3), strict=True), 1
    ):
        for index in range(1, count + 1):
            layers[f"stage{stage}_conv{index}"] = nn.Conv2d(inputs, maps, 3, padding=1)
            layers[f"stage{stage}_relu{index}"] = nn.ReLU(inplace=True)
            inputs = maps
        layers[f"stage{stage}"] = nn.MaxPool2d(2)
    return nn.Sequential(layers | _dense("fc1", "fc2", features, classes))


def _dense(first: str, second: str, features: int, classes: int) -> OrderedDict[str, nn.Module]:
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=Flatten())
    for name in (first, second):
        layers[name] = nn.Linear(features, 4096)
        layers[f"{name}_relu"] = nn.ReLU(inplace=True)
        layers[f"{name}_dropout"] = nn.Dropout()
        features = 4096
    layers["logits"] = nn.Linear(features, classes)
    return layers


class Residual(nn.Module):
    """Two convolutions and the shortcut around them."""

    def __init__(self, rank: int, inputs: int, maps: int, stride: int):
        super().__init__()
        self.conv1 = CONV[rank](inputs, maps, 3, stride, 1, bias=False)
        self.conv1_norm = NORM[rank](maps)
        self.conv2 = CONV[rank](maps, maps, 3, 1, 1, bias=False)
        self.conv2_norm = NORM[rank](maps)
        self.changes = stride > 1 or inputs != maps
        if self.changes:
            self.shortcut = CONV[rank](inputs, maps, 1, stride, bias=False)
            self.shortcut_norm = NORM[rank](maps)

    def forward(self, x: Any) -> Any:
        shortcut = self.shortcut_norm(self.shortcut(x)) if self.changes else x
        x = F.relu(self.conv1_norm(self.conv1(x)), inplace=True)
        return F.relu(self.conv2_norm(self.conv2(x)) + shortcut, inplace=True)


def resnet18(rank: int, channels: int, classes: int, filters: Sequence[int]) -> nn.Module:
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        stem_conv=CONV[rank](channels, filters[0], 7, 2, 3, bias=False),
        stem_conv_norm=NORM[rank](filters[0]),
        stem_relu=nn.ReLU(inplace=True),
        stem=POOL[rank](3, 2, 1),
    )
    inputs = filters[0]
    for stage, maps in enumerate(filters, 1):
        layers[f"stage{stage}_block1"] = Residual(rank, inputs, maps, 2 if stage > 1 else 1)
        layers[f"stage{stage}_block2"] = Residual(rank, maps, maps, 1)
        inputs = maps
    layers |= {"pool": MEAN[rank](1), "flatten": nn.Flatten()}
    return nn.Sequential(layers | {"logits": nn.Linear(inputs, classes)})


def double(rank: int, inputs: int, widths: tuple[int, int], norm: bool) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for index, width in enumerate(widths):
        layers[f"conv{index}"] = CONV[rank](inputs, width, 3, padding=1)
        if norm:
            layers[f"conv{index}_norm"] = NORM[rank](width)
        layers[f"conv{index}_relu"] = nn.ReLU(inplace=True)
        inputs = width
    return nn.Sequential(layers)


class UNet(nn.Module):
    """The U-Net of two axes, or the 3D U-Net, which normalizes and widens before it pools."""

    def __init__(self, rank: int, classes: int, filters: Sequence[int]):
        super().__init__()
        self.levels = range(len(filters) - 1)
        volumes = rank == 3
        inputs = 1
        for level, width in enumerate(filters):
            name = f"down{level}" if level in self.levels else "bottom"
            widths = (width // 2 if volumes else width, width)
            self.add_module(name, double(rank, inputs, widths, volumes))
            inputs = width
        self.pool = POOL[rank](2)
        # The two deepest levels, as published.
        self.dropout = nn.Dropout(0.0 if volumes else 0.5)
        for level in reversed(self.levels):
            width = filters[level]
            given = inputs if volumes else width
            up = TRANSPOSED[rank](inputs, given, 2, 2, bias=not volumes)
            self.add_module(f"up{level}_upsample", up)
            self.add_module(f"up{level}", double(rank, width + given, (width, width), volumes))
            inputs = width
        self.logits = CONV[rank](inputs, classes, 1)

    def forward(self, x: Any) -> Any:
        skips = []
        for level in self.levels:
            x = self.get_submodule(f"down{level}")(x)
            skips.append(self.dropout(x) if level == self.levels[-1] else x)
            x = self.pool(skips[-1])
        x = self.dropout(self.bottom(x))
        for level in reversed(self.levels):
            x = self.get_submodule(f"up{level}_upsample")(x)
            x = self.get_submodule(f"up{level}")(torch.cat([skips[level], x], 1))
        return self.logits(x)


class Gate(nn.Module):
    """Weights of a skip connection by a gating signal of the next coarser level."""

    def __init__(self, rank: int, maps: int, gating: int):
        super().__init__()
        self.theta = CONV[rank](maps, maps, 2, 2, bias=False)
        self.phi = CONV[rank](gating, maps, 1)
        self.psi = CONV[rank](maps, 1, 1)
        self.output = CONV[rank](maps, maps, 1)
        self.output_norm = NORM[rank](maps)
        self.mode = LINEAR[rank]

    def forward(self, x: Any, gating: Any) -> Any:
        weights = torch.sigmoid(self.psi(F.relu(self.theta(x) + self.phi(gating), inplace=True)))
        weights = F.interpolate(weights, scale_factor=2, mode=self.mode)
        return self.output_norm(self.output(x * weights))


class AttentionUNet(nn.Module):
    """The Attention U-Net with logits of all levels."""

    def __init__(self, rank: int, classes: int, filters: Sequence[int]):
        super().__init__()
        self.levels, self.mode = range(len(filters) - 1), LINEAR[rank]
        inputs = 1
        for level, width in enumerate(filters):
            name = f"down{level}" if level in self.levels else "bottom"
            self.add_module(name, double(rank, inputs, (width, width), True))
            inputs = width
        self.pool = POOL[rank](2)
        self.gating, self.gating_norm = CONV[rank](inputs, inputs, 1), NORM[rank](inputs)
        for level in reversed(self.levels):
            width = filters[level]
            if level:
                self.add_module(f"gate{level}", Gate(rank, width, inputs))
                self.add_module(f"skip{level}", CONV[rank](width, width, 1))
                self.add_module(f"skip{level}_norm", NORM[rank](width))
            self.add_module(f"up{level}", double(rank, width + inputs, (width, width), True))
            self.add_module(f"logits{level}", CONV[rank](width, classes, 1))
            inputs = width
        self.logits = CONV[rank](classes * len(self.levels), classes, 1)

    def forward(self, x: Any) -> Any:
        part, skips, outputs = self.get_submodule, [], []
        for level in self.levels:
            skips.append(part(f"down{level}")(x))
            x = self.pool(skips[-1])
        x = self.bottom(x)
        gating = F.relu(self.gating_norm(self.gating(x)), inplace=True)
        for level in reversed(self.levels):
            skip = skips[level]
            if level:
                skip = part(f"skip{level}")(part(f"gate{level}")(skip, gating))
                skip = F.relu(part(f"skip{level}_norm")(skip), inplace=True)
            x = F.interpolate(x, scale_factor=2, mode=self.mode)
            gating = x = part(f"up{level}")(torch.cat([skip, x], 1))
            output = part(f"logits{level}")(x)
            if level:
                output = F.interpolate(output, scale_factor=2**level, mode=self.mode)
            outputs.insert(0, output)
        return self.logits(torch.cat(outputs, 1))
