"""What the catalogue says of the networks, and the command that verifies it."""

import dataclasses
import resource

import keras
import pytest
from click.testing import CliRunner
from keras import layers

from kerasbio.catalogue import BUILDERS
from kerasbio.cli import listings
from kerasbio.cli.main import main
from kerasbio.counting import count_macs, count_parameters, verify

BY_NETWORK = {row.network: row for row in BUILDERS}


def run(*words):
    return CliRunner().invoke(main, ["models", *words])


@pytest.mark.parametrize("row", BUILDERS, ids=BY_NETWORK)
def test_as_published(row):
    for figure, expected, got in verify(row):
        assert got == expected, figure


def test_networks_have_names_of_their_own():
    assert len(BY_NETWORK) == len(BUILDERS)
    assert not set(BY_NETWORK) & {row.name for row in BUILDERS}


def test_the_largest_network_takes_no_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    verify(BY_NETWORK["vgg19"])
    # Its weights would be 561 MiB; the unit is KiB on Linux.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 2**10


def test_models_are_built_as_ever_afterwards():
    verify(BY_NETWORK["lenet5"])
    with keras.StatelessScope():
        pass
    model = keras.Sequential([keras.Input((2,)), layers.Dense(3)])
    assert model.get_weights()[0].shape == (2, 3)


IMAGE = (9, 8, 3)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (layers.Conv2D(5, (2, 3), strides=2, padding="valid"), IMAGE, 4 * 3 * 5 * 2 * 3 * 3),
        (layers.Conv2D(6, 3, padding="same", groups=3), IMAGE, 9 * 8 * 6 * 9 * 1),
        (layers.Conv1D(4, 3, dilation_rate=2), (9, 2), 5 * 4 * 3 * 2),
        (layers.Conv3D(2, 2), (3, 4, 5, 1), 2 * 3 * 4 * 2 * 8),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), IMAGE, 7 * 6 * 3 * 2 * 9),
        (layers.SeparableConv2D(5, 3), IMAGE, 7 * 6 * (3 * 9 + 3 * 5)),
        (layers.Conv2DTranspose(5, 4, strides=2, padding="same"), IMAGE, 9 * 8 * 3 * 16 * 5),
        (layers.Dense(7), (6, 5, 4), 6 * 5 * 4 * 7),
        (layers.BatchNormalization(), IMAGE, 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, layers.Layer) else "",
)
def test_multiplications_of_a_layer(layer, shape, expected):
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layer(inputs))
    assert count_macs(model) == expected
    # A model within a model counts as its layers do.
    outer = keras.Input(shape)
    assert count_macs(keras.Model(outer, model(outer))) == expected


def test_what_cannot_be_counted_is_said():
    free = keras.Input((None, 8, 1))
    with pytest.raises(ValueError, match=r"every spatial size. Received: layer=seen .*\(None, 6\)"):
        count_macs(keras.Model(free, layers.Conv2D(2, 3, name="seen")(free)))
    words = keras.Input((4,), dtype="int32")
    with pytest.raises(ValueError, match="Received: layer=words of Embedding"):
        count_macs(keras.Model(words, layers.Embedding(5, 2, name="words")(words)))


def test_parameters_with_and_without_batch_normalization():
    inputs = keras.Input((4,))
    x = layers.BatchNormalization()(layers.Dense(3)(inputs))
    inner = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(), layers.Dense(2)])
    model = keras.Model(inputs, inner(x))
    assert count_parameters(model) == (15 + 6 + 6 + 8, 15 + 8, 15 + 12 + 12 + 8)


def test_every_network_is_listed():
    lines = run().stdout.splitlines()
    for row in BUILDERS:
        (line,) = (line for line in lines if line.split()[:2] == [row.name, row.network])
        assert f"{row.parameters:,}" in line and row.reference in line
    assert "version='v1.5'" in next(line for line in lines if "resnet50_v1.5" in line)
    assert len(run("build_resnet").stdout.splitlines()) == 1 + sum(
        row.name == "build_resnet" for row in BUILDERS
    )


def test_verified_on_the_command_line():
    said = run("lenet5", "--verify")
    assert said.exit_code == 0
    first, *figures, last = said.stdout.splitlines()
    assert first == "lenet5: build_lenet5((32, 32, 1), 10)"
    assert [line.split()[0] for line in figures] == [
        "trainable", "trainable", "Keras", "output", "multiply-accumulates",
    ]  # fmt: skip
    assert "expected 61,706, got 61,706  ok" in figures[0]
    assert "expected 416,520, got 416,520  ok" in figures[-1] and last == "as listed"
    assert run("build_mlp", "--verify").exit_code == 0


def test_a_difference_is_named_and_is_an_error(monkeypatch):
    wrong = dataclasses.replace(BY_NETWORK["mlp"], parameters=7, macs=None)
    monkeypatch.setattr(listings, "BUILDERS", (BY_NETWORK["perceptron"], wrong))
    said = run("--verify")
    assert said.exit_code == 1
    assert "expected 7, got 669,706  DIFFERS" in said.stdout
    assert said.stderr == "Error: not as listed: mlp (trainable)\n"


def test_an_unknown_name_gets_the_nearest():
    said = run("build_lenet", "--verify")
    assert said.exit_code == 2 and said.stdout == "" and said.stderr.count("\n") == 1
    assert "no network or builder 'build_lenet': did you mean 'build_lenet5'" in said.stderr
    assert "kerasbio models lists them" in run("#").stderr


def test_a_family_by_what_its_names_begin_with():
    said = run("resnet")
    assert said.exit_code == 0
    assert "resnet18" in said.stdout and "resnet152" in said.stdout and "vgg16" not in said.stdout
