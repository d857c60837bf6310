"""The convolutional classifiers that a recipe trains on images, in sizes for two cores."""

from typing import Any, NamedTuple


class Classifier(NamedTuple):
    """How a published classifier is reduced for small images.

    Attributes:
        title: Name of the network.
        published: Its parameters as published.
        size: Pixels per side by default.
        width: Maps of the first stage by default; 0 where the network has one width.
        epochs: Passes over the simulated images by default, two to four minutes of training.
    """

    title: str
    published: str
    size: int
    width: int
    epochs: int = 12


CLASSIFIERS = {
    "lenet5": Classifier("LeNet-5", "61,706 as published, for 10 classes", 32, 0, 120),
    "alexnet": Classifier("AlexNet", "60,965,224 as published, for 1000 classes", 67, 24, 50),
    "vgg11": Classifier("VGG-11", "132,863,336 as published, for 1000 classes", 64, 16),
    "vgg13": Classifier("VGG-13", "133,047,848 as published, for 1000 classes", 64, 16),
    "vgg16": Classifier("VGG-16", "138,357,544 as published, for 1000 classes", 64, 16, 10),
    "vgg19": Classifier("VGG-19", "143,667,240 as published, for 1000 classes", 64, 16, 8),
    "resnet18": Classifier("ResNet-18", "11,689,512 as published, for 1000 classes", 64, 32),
    "resnet34": Classifier("ResNet-34", "21,797,672 as published, for 1000 classes", 64, 32, 8),
    "resnet50": Classifier("ResNet-50", "25,557,032 as published, for 1000 classes", 64, 16, 9),
    "resnet101": Classifier("ResNet-101", "44,549,160 as published, for 1000 classes", 64, 16, 6),
    "resnet152": Classifier("ResNet-152", "60,192,808 as published, for 1000 classes", 64, 16, 5),
}
#: Shares of the first stage's maps in the others.
ALEXNET, VGG, RESNET = (1, 8 / 3, 4, 4, 8 / 3), (1, 2, 4, 8, 8), (1, 2, 4, 8)


def build_classifier(
    network: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    width: int,
    activation: str | None,
    batch_norm: bool | None,
) -> Any:
    """Return a network of `CLASSIFIERS`.

    Args:
        network: Its name.
        input_shape: `(height, width, channels)`.
        num_classes: Number of classes.
        width: Maps of the first stage; without effect on LeNet-5.
        activation: Of the hidden layers; None is the published one. ResNets have ReLU.
        batch_norm: Whether batch normalization is used; None is as published.
    """
    from kerasbio.models import cnn

    chosen: dict[str, Any] = {} if batch_norm is None else {"batch_norm": batch_norm}
    if network.startswith("resnet"):
        depth = int(network[6:])
        # Bottlenecks that do not start as the identity hardly begin to learn in so few epochs.
        return cnn.build_resnet(
            input_shape, num_classes, depth=depth, filters=_maps(width, RESNET),
            zero_residual=depth >= cnn.resnet.BOTTLENECKS, **chosen,
        )  # fmt: skip
    chosen |= {"activation": activation} if activation else {}
    if network == "lenet5":
        return cnn.build_lenet5(input_shape, num_classes, **chosen)
    # As published, signals fade in a narrow AlexNet, and 16 layers of VGG hardly begin to learn.
    chosen["kernel_initializer"] = "he_normal"
    # Dense layers as wide as the last stage: images of 64 pixels leave little to see.
    if network == "alexnet":
        maps = _maps(width, ALEXNET, multiple=2)
        return cnn.build_alexnet(input_shape, num_classes, filters=maps, units=maps[2], **chosen)
    maps = _maps(width, VGG)
    return cnn.build_vgg(
        input_shape, num_classes, depth=int(network[3:]), filters=maps, units=4 * maps[-1],
        **chosen,
    )  # fmt: skip


def _maps(width: int, shares: tuple[float, ...], multiple: int = 1) -> tuple[int, ...]:
    return tuple(max(1, round(width * share / multiple)) * multiple for share in shares)
