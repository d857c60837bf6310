"""How a table becomes features: in NumPy, in the graph, and by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio.datasets.cases import Subset, split, strata, to_dataset
from kerasbio.datasets.tables.encoding import FEWEST_CASES, fit_encoding
from kerasbio.datasets.tables.tabular import EncodedCases, TabularCases, load_wisconsin
from kerasbio.errors import KerasbioError
from kerasbio.layers.prepare_table import PrepareTable

VALUES = [("a", "b", "c", "rare"), ("Größe", "ok")]


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(0)
    numbers = random.normal(5, 2, (400, 4)).astype(np.float32)
    numbers[random.uniform(size=400) < 0.2, 1] = np.nan
    numbers[:, 2] = 7
    numbers[5, 0] = 1e30
    codes = np.stack([random.integers(0, 3, 400), random.integers(-1, 2, 400)], axis=1)
    codes[:2, 0] = 3
    codes[2:60, 0] = 0
    codes[60:100, 0] = 1
    labels = random.integers(0, 2, 400)
    return TabularCases(
        numeric=list("wxyz"), numbers=numbers, categorical=["kind", "state"], categories=codes,
        values=VALUES, target="label", labels=labels, classes=("no", "yes"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def encoding(table):
    return fit_encoding(table.numbers, table.categories, table.values)


def features_of(encoding, table):
    return encoding.encode(table.numbers, encoding.slots(table.categories, table.values))


def raw(table):
    """Return numbers and texts as a graph takes them."""
    known = [[*values, ""] for values in table.values]
    texts = [[k[c] for k, c in zip(known, row, strict=True)] for row in table.categories]
    return [tf.constant(table.numbers), tf.constant(texts)]


def test_features_by_hand(table, encoding):
    assert encoding.values == (("a", "b", "c"), ("Größe", "ok"))
    assert encoding.others == (True, False)
    assert encoding.lacking == (False, True, False, False, False, True)
    features = features_of(encoding, table)
    assert features.shape == (400, encoding.width) == (400, 4 + 3 + 1 + 2 + 2)
    quarter, middle, three = np.nanquantile(table.numbers[:, 1], (0.25, 0.5, 0.75))
    scaled = (np.nan_to_num(table.numbers[:, 1], nan=middle) - middle) / (three - quarter)
    np.testing.assert_allclose(features[:, 1], scaled / np.sqrt(1 + (scaled / 3) ** 2), atol=1e-6)
    assert (features[:, 2] == 0).all(), "constant"
    assert features[5, 0] == pytest.approx(3), "an outlier weighs little"
    np.testing.assert_array_equal(features[:2, 4:8], [[0, 0, 0, 1]] * 2)
    np.testing.assert_array_equal(features[:, 10], np.isnan(table.numbers[:, 1]))
    np.testing.assert_array_equal(features[:, 11], table.categories[:, 1] < 0)


def test_graph_and_numpy_agree(table, encoding):
    features = features_of(encoding, table)
    layer = PrepareTable(encoding)
    np.testing.assert_allclose(layer(*raw(table)), features, atol=1e-6)
    twin = PrepareTable.from_config(layer.get_config())
    assert twin.encoding == encoding
    assert twin.compute_output_shape((7, 4), (7, 2)) == (7, encoding.width)


def test_texts_as_a_client_may_send_them(encoding):
    numbers = tf.constant([[5, np.nan, 7, 5]] * 6)
    sent = tf.constant([[" b ", "ok"], ["never seen", "never seen"], ["", "NA"], ["rare", "?"],
                        ["B", b"\xff\xfe"], ["b", "ok"]])  # fmt: skip
    found = PrepareTable(encoding)(numbers, sent).numpy()[:, 4:]
    a_b_c_other, state, lacking = found[:, :4], found[:, 4:6], found[:, 6:]
    np.testing.assert_array_equal(
        a_b_c_other, [[0, 1, 0, 0], [0, 0, 0, 1], [0] * 4, [0, 0, 0, 1], [0, 0, 0, 1], [0, 1, 0, 0]]
    )
    np.testing.assert_array_equal(state, [[0, 1], [0, 0], [0, 0], [0, 0], [0, 0], [0, 1]])
    # x is missing in all, state in the third and the fourth.
    np.testing.assert_array_equal(lacking, [[1, 0], [1, 0], [1, 1], [1, 1], [1, 0], [1, 0]])


def test_blanks_are_those_of_python(encoding):
    blanks = [chr(i) for i in range(0x3100) if chr(i).isspace()]
    sent = tf.constant([[f"{blank}b{blank}", blank] for blank in blanks])
    found = PrepareTable(encoding)(tf.zeros((len(blanks), 4)), sent).numpy()
    assert (found[:, 4 + encoding.values[0].index("b")] == 1).all() and (found[:, -1] == 1).all()


def test_features_of_a_column_are_together(table, encoding):
    assert encoding.groups() == [[0], [1, 10], [2], [3], [4, 5, 6, 7], [8, 9, 11]]
    before = features_of(encoding, table)
    for place, group in enumerate(encoding.groups()[4:]):
        other = table.categories.copy()
        other[:, place] = np.roll(other[:, place], 1)
        after = encoding.encode(table.numbers, encoding.slots(other, table.values))
        changed = np.flatnonzero((before != after).any(axis=0))
        assert set(changed) == set(group)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_missing(encoding, bad):
    numbers = np.full((1, 4), bad, np.float32)
    features = encoding.encode(numbers, np.full((1, 2), -1))
    np.testing.assert_array_equal(
        PrepareTable(encoding)(numbers, tf.constant([["", ""]])), features
    )
    np.testing.assert_array_equal(features[0, :4], 0)
    assert features[0, -2:].all()


def test_columns_that_training_cases_lack(table):
    numbers = table.numbers.copy()
    numbers[:, 3] = np.nan
    encoding = fit_encoding(numbers, np.full((400, 2), -1), table.values)
    assert encoding.values == ((), ()) and encoding.lacking[3:] == (True, True, True)
    features = features_of(encoding, table)
    assert np.isfinite(features).all() and (features[:, 3] == 0).all()
    np.testing.assert_allclose(PrepareTable(encoding)(*raw(table)), features, atol=1e-6)


def test_rare_values_are_told_by_the_size_of_the_table():
    codes = np.repeat(np.arange(3), (300, 100, FEWEST_CASES - 1))[:, None]
    found = fit_encoding(np.empty((len(codes), 0)), codes, [("a", "b", "c")])
    assert found.values == (("a", "b"),) and found.others == (True,)
    small = fit_encoding(np.empty((8, 0)), np.arange(8)[:, None] % 4, [("a", "b", "c", "d")])
    assert small.values == (("a", "b", "c", "d"),) and small.others == (False,)


def test_batches_are_the_features_of_the_cases(table, encoding):
    cases = EncodedCases(table, encoding)
    part = Subset(cases, [3, 1, 4, 1, 5])
    ((features, labels),) = to_dataset(part, 8)
    whole = features_of(encoding, table)
    np.testing.assert_array_equal(features, whole[[3, 1, 4, 1, 5]])
    np.testing.assert_array_equal(labels, table.labels[[3, 1, 4, 1, 5]])
    assert labels.dtype == tf.int64
    np.testing.assert_array_equal(cases[7]["features"], whole[7])


def test_values_are_standardized_and_split_by_their_rank(table):
    random = np.random.default_rng(1)
    values = random.lognormal(size=400)
    subjects = np.array([f"s{i // 2}" for i in range(400)])
    regression = TabularCases(
        numeric=["x"], numbers=table.numbers[:, :1], target="y", labels=values, subjects=subjects
    )
    parts = split(regression, (0.6, 0.2, 0.2), seed=0)
    whole = np.quantile(values, (0.1, 0.5, 0.9))
    for part in parts:
        assert len(part) == pytest.approx(len(values) * (0.6 if part is parts[0] else 0.2), abs=2)
        np.testing.assert_allclose(np.quantile(part.labels, (0.1, 0.5, 0.9)), whole, rtol=0.35)
    sets = [set(part.subjects) for part in parts]
    assert not sets[0] & sets[1] and not sets[0] & sets[2] and not sets[1] & sets[2]
    assert len(np.unique(strata(regression))) == 10
    encoded = EncodedCases(
        regression, fit_encoding(regression.numbers, regression.categories, ()), (3.0, 2.0)
    )
    ((_, labels),) = to_dataset(Subset(encoded, np.arange(400)), 400)
    np.testing.assert_allclose(labels, (values - 3) / 2, rtol=1e-5)
    assert labels.dtype == tf.float32
    with pytest.raises(KerasbioError, match="there are 2 subject"):
        split(Subset(regression, [0, 2]), (0.6, 0.2, 0.2), seed=0)


def test_wisconsin_is_as_published():
    table = load_wisconsin()
    assert len(table) == 569 and len(table.columns) == 30 and np.isfinite(table.numbers).all()
    assert dict(zip(table.classes, np.bincount(table.labels), strict=True)) == {
        "benign": 357,
        "malignant": 212,
    }
    # Malignant nuclei are larger (Street et al., 1993).
    radius = table.numbers[:, table.numeric.index("mean radius")]
    assert radius[table.labels == 1].mean() > 1.3 * radius[table.labels == 0].mean()


def test_a_subset_of_a_table_is_one(table):
    some = table.subset(np.array([9, 2]))
    assert some.columns == table.columns and len(some) == 2
    np.testing.assert_array_equal(some[0]["numbers"], table[9]["numbers"])
    with pytest.raises(ValueError, match="must be of shapes"):
        TabularCases(numeric=["a"], numbers=np.zeros((3, 2)), target="y", labels=np.zeros(3))


def test_a_preparation_is_saved_with_a_model(table, encoding, tmp_path):
    numbers, kinds = keras.Input((4,)), keras.Input((2,), dtype="string")
    model = keras.Model([numbers, kinds], PrepareTable(encoding)(numbers, kinds))
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(raw(table)), model(raw(table)))
