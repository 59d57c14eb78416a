"""From arrays to tensors, and the order of the batches."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from skdeep import _batches
from skdeep._batches import (
    Batches,
    Fold,
    Rows,
    balanced_order,
    distinct_rows,
    sequential_order,
    shuffled_order,
)
from skdeep._losses import target_rows
from skdeep.modules import InputStandardizer, TableInput

X, Y = load_digits(return_X_y=True)
CPU = torch.device("cpu")


def make_rows(X, fold=None, dtype=torch.float64):
    return Rows(X, fold or Fold((X.shape[1],)), dtype, CPU)


def make_batches(n=50, batch_size=20, weight=None, index=None, order=None):
    rows = make_rows(X[:n])
    index = np.arange(n) if index is None else index
    targets = target_rows(Y[:n], 10, 0.0, torch.float64)
    order = order or sequential_order(len(index))
    return Batches(rows, Y[:n], targets, weight, index, batch_size, order)


def identity(x):
    return x


def test_fold_keeps_channels_first():
    x = torch.arange(24).reshape(2, 12)
    fold = Fold((2, 2, 3))
    assert fold.module_shape == (2, 2, 3)
    assert_array_equal(fold(x), x.reshape(2, 2, 2, 3))


def test_fold_moves_last_channels():
    images = torch.arange(48).reshape(2, 4, 2, 3)
    fold = Fold((4, 2, 3), channels_last=True)
    assert fold.module_shape == (3, 4, 2)
    folded = fold(images.reshape(2, 24))
    assert folded.shape == (2, 3, 4, 2)
    assert folded.is_contiguous()
    for channel in range(3):
        assert_array_equal(folded[:, channel], images[..., channel])


def test_fold_of_a_table_is_nothing():
    x = torch.zeros(2, 5)
    assert Fold((5,))(x) is x


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


@pytest.mark.parametrize(
    "kind",
    [
        np.asarray,
        np.asfortranarray,
        sparse.csr_array,
        read_only,
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X[::-1].copy()[::-1],
        lambda X: X[:, ::-1].copy()[:, ::-1],
        lambda X: X.astype(np.float32),
    ],
    ids=["C", "F", "sparse", "read-only", "strided", "rows", "columns", "float32"],
)
@pytest.mark.parametrize(
    "index", [slice(None), slice(3, 7), np.array([5, 0, 5])], ids=["all", "run", "some"]
)
def test_rows_of_any_array(kind, index):
    given = kind(X[:10])
    rows = make_rows(given)
    assert len(rows) == 10
    taken = rows.take(index)
    assert taken.dtype == torch.float64
    assert_array_equal(taken, X[:10][index])


def test_rows_are_folded():
    rows = make_rows(X[:4], Fold((8, 8, 1), channels_last=True))
    assert_array_equal(rows.take(np.array([2]))[0, 0], X[2].reshape(8, 8))


def test_rows_to_another_type_leave_the_array_alone():
    given = X[:4].copy()
    rows = make_rows(given, dtype=torch.float32)
    assert rows.take(slice(None)).dtype == torch.float32
    assert given.dtype == np.float64


def test_rows_on_a_device_are_moved_once():
    device = torch.device("meta")
    rows = Rows(X[:4], Fold((64,)), torch.float32, device)
    assert rows.moved.device == device
    assert rows.take(slice(1, 3)).shape == (2, 64)
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"),
    [
        (50, 20, [20, 20, 10]),
        (40, 20, [20, 20]),
        (41, 20, [20, 21]),
        (20, 20, [20]),
        (1, 20, [1]),
        (3, 2, [3]),
        (3, 1, [1, 1, 1]),
    ],
)
def test_batch_sizes(n, batch_size, sizes):
    batches = make_batches(n, batch_size)
    assert batches.n_steps == len(sizes)
    assert [len(batch.x) for batch in batches.epoch(identity)] == sizes


@pytest.mark.parametrize("weighted", [False, True])
def test_batches_hold_matching_rows(weighted):
    weight = np.arange(1.0, 51.0) if weighted else None
    index = np.arange(5, 45)
    generator = torch.Generator().manual_seed(0)
    batches = make_batches(50, 7, weight, index, shuffled_order(40, generator))
    seen = []
    for batch in batches.epoch(identity):
        found = [np.flatnonzero((X[:50] == row).all(1))[0] for row in batch.x.numpy()]
        seen += found
        assert_array_equal(batch.target.argmax(1), Y[found])
        if weighted:
            assert_array_equal(batch.weight, weight[found])
            assert batch.total == pytest.approx(weight[found].sum())
        else:
            assert batch.weight is None
            assert batch.total == len(found)
    assert sorted(seen) == list(index)


@pytest.mark.parametrize("n", [41, 50])
@pytest.mark.parametrize("weighted", [False, True])
def test_gathering_in_chunks_does_not_show(monkeypatch, n, weighted):
    weight = np.arange(1.0, n + 1) if weighted else None
    whole = list(make_batches(n, 8, weight).epoch(identity))
    monkeypatch.setattr(_batches, "_CHUNK_BYTES", 2 * 8 * 64 * 8)
    monkeypatch.setattr(_batches, "_KEPT_BYTES", 0)
    batches = make_batches(n, 8, weight)
    assert batches.chunk_size(identity) == 16
    chunked = list(batches.epoch(identity))
    assert len(chunked) == len(whole) == batches.n_steps
    for one, other in zip(chunked, whole, strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.target, other.target)
        assert one.total == other.total


def test_what_rows_become_is_computed_once(monkeypatch):
    calls = []

    def doubled(x):
        calls.append(len(x))
        return 2 * x

    def seen(n_epochs):
        order = shuffled_order(50, torch.Generator().manual_seed(0))
        batches = make_batches(50, 8, order=order)
        batches.augment = augment
        found = [b.x for _ in range(n_epochs) for b in batches.epoch(doubled)]
        batches.release()
        assert batches.kept is None
        return torch.cat(found)

    def augment(x, target):
        # Whoever changes a batch changes a copy.
        return x.neg_(), target

    kept = seen(3)
    assert calls == [50]
    monkeypatch.setattr(_batches, "_KEPT_BYTES", 50 * 64 * 8 - 1)
    assert torch.equal(seen(3), kept)
    assert calls == [50] + [50] * 3


def test_what_rows_become_belongs_to_what_they_pass_through():
    batches = make_batches(20, 20)
    for factor in (2, 3):
        (batch,) = batches.epoch(lambda x, factor=factor: factor * x)
        assert_array_equal(batch.x, factor * X[:20])


def test_label_bits():
    rare = np.array([0, 0, 0, 1])
    entropy = 2 - 0.75 * np.log2(3)
    rows, nothing = make_rows(X[:4]), None

    def bits(codes, weight=None, index=None):
        index = np.arange(4) if index is None else index
        return Batches(rows, codes, nothing, weight, index, 2, nothing).label_bits

    assert bits(np.array([0, 1, 2, 3])) == pytest.approx(8)
    assert bits(rare) == pytest.approx(4 * entropy)
    assert bits(np.zeros(4, int)) == 0
    # Balanced weights make rare classes tell as much as others.
    assert bits(rare, np.array([1.0, 1.0, 1.0, 3.0])) == pytest.approx(6)
    assert bits(rare, index=np.array([2, 3])) == pytest.approx(2)
    labels = np.stack([rare, [0, 1, 0, 1], np.ones(4, int)], axis=1)
    assert bits(labels) == pytest.approx(4 * entropy + 4)


def test_standardizer_is_applied():
    (batch,) = make_batches(20, 20).epoch(lambda x: 2 * x + 1)
    assert_array_equal(batch.x, 2 * X[:20] + 1)


@pytest.mark.parametrize("n_rows", [1, 7, 1000])
@pytest.mark.parametrize(
    "index",
    [
        np.arange(10, 50),
        np.arange(50)[::-1],
        np.delete(np.arange(50), 20),
        np.r_[0:20, 20, 20, 22:50],
    ],
    ids=["follow each other", "backwards", "one is left out", "one comes twice"],
)
def test_statistics_are_those_of_the_training_rows(monkeypatch, n_rows, index):
    """Weights act as repetitions, whatever the size of the chunks."""
    monkeypatch.setattr(_batches, "_STATISTICS_BYTES", n_rows * 64 * 8)
    weight = np.random.default_rng(0).integers(1, 4, 50).astype(float)
    standardizer = InputStandardizer((64,), 0).double()
    before = X[:50].copy()
    make_batches(50, 20, weight, index).learn_statistics(standardizer)
    assert_array_equal(X[:50], before)
    expected = StandardScaler().fit(X[index], sample_weight=weight[index])
    np.testing.assert_allclose(standardizer.mean, expected.mean_, atol=1e-12)
    np.testing.assert_allclose(standardizer.variance, expected.var_, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_statistics_do_not_depend_on_the_order_in_memory(dtype):
    values = X + np.random.default_rng(0).normal(size=X.shape)
    found = []
    for array in (values, np.asfortranarray(values), np.repeat(values, 2, 1)[:, ::2]):
        standardizer = InputStandardizer((64,), 0).double()
        rows = make_rows(array, dtype=dtype)
        order = sequential_order(len(X))
        batches = Batches(rows, Y, None, None, np.arange(len(X)), 20, order)
        batches.learn_statistics(standardizer)
        found.append(torch.cat([standardizer.mean, standardizer.variance]))
    assert_array_equal(found[0], found[1])
    assert_array_equal(found[0], found[2])


def distinct(rows, codes, weight):
    return distinct_rows(rows, codes, weight, np.arange(len(codes)))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("labels", [Y[:60], np.eye(10, dtype=bool)[Y[:60]]])
def test_distinct_rows_of_repeated_and_of_weighted_rows_are_the_same(kind, labels):
    rows, rng = X[:60].astype(kind), np.random.default_rng(0)
    times = rng.integers(1, 4, 60)
    repeated = rng.permutation(np.repeat(np.arange(60), times))
    index, weight = distinct(rows, labels, times.astype(float))
    again, count = distinct(rows[repeated], labels[repeated], None)
    assert_array_equal(rows[index], rows[repeated][again])
    assert_array_equal(labels[index], labels[repeated][again])
    assert_array_equal(weight[index], count[again])
    assert weight.sum() == count.sum() == times.sum()
    assert len(index) == len(np.unique(X[:60], axis=0))


def test_equal_rows_of_different_classes_stay_apart():
    rows = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [3.0, 0.0]])
    index, weight = distinct(rows, np.array([0, 1, 0, 0]), None)
    assert sorted(index) == [0, 1, 3]
    assert_array_equal(weight, [2.0, 1.0, 0.0, 1.0])


def test_rows_with_the_same_gaps_are_equal():
    nan = np.nan
    rows = np.array([[nan, 2.0], [0.0, 2.0], [nan, 2.0], [2.0, nan]])
    index, weight = distinct(rows, np.zeros(4, dtype=int), None)
    assert sorted(index) == [0, 1, 3]
    assert_array_equal(weight, [2.0, 1.0, 0.0, 1.0])


def test_rows_that_are_not_looked_at_do_not_count():
    rows, codes = np.array([[1.0], [2.0], [1.0], [1.0]]), np.array([0, 0, 0, 0])
    weight = np.array([2.0, 3.0, 5.0, 0.0])
    index, weight = distinct_rows(rows, codes, weight, np.array([0, 1, 2]))
    assert_array_equal(index, [0, 1])
    assert_array_equal(weight, [7.0, 3.0, 0.0, 0.0])


def test_distinct_rows_without_repetitions_have_no_weight():
    index, weight = distinct(X[:40], Y[:40], None)
    assert_array_equal(np.sort(index), np.arange(40))
    assert weight is None
    index, weight = distinct(sparse.csr_array(X[:40]), Y[:40], None)
    assert_array_equal(index, np.arange(40))


def test_sequential_order():
    order = sequential_order(4)
    assert_array_equal(order(), order())
    assert_array_equal(order(), range(4))


def test_shuffled_order():
    order = shuffled_order(50, torch.Generator().manual_seed(3))
    first, second = order(), order()
    assert_array_equal(np.sort(first), range(50))
    assert_array_equal(np.sort(second), range(50))
    assert (first != second).any()
    again = shuffled_order(50, torch.Generator().manual_seed(3))
    assert_array_equal(again(), first)
    assert_array_equal(again(), second)


CODES = np.repeat([0, 1, 2], [60, 10, 5])


@pytest.mark.parametrize("shuffled", [False, True])
def test_balanced_order_is_even_in_every_batch(shuffled):
    generator = torch.Generator().manual_seed(0) if shuffled else None
    order = balanced_order(CODES, 3, generator)
    for _ in range(3):
        index = order()
        assert len(index) == len(CODES)
        for start in range(0, len(CODES), 15):
            counts = np.bincount(CODES[index[start : start + 15]])
            assert_array_equal(counts, [5, 5, 5])


def test_balanced_order_leaves_no_row_out():
    order = balanced_order(CODES, 3, torch.Generator().manual_seed(0))
    # 25 of the 60 rows of the frequent class come each epoch: all 60 within three.
    seen = np.concatenate([order() for _ in range(3)])
    counts = np.bincount(seen, minlength=len(CODES))
    for code in range(3):
        of_class = counts[code == CODES]
        assert of_class.max() - of_class.min() <= 1
        assert of_class.min() >= 1


def test_balanced_order_is_shuffled_anew():
    order = balanced_order(CODES, 3, torch.Generator().manual_seed(0))
    assert (order() != order()).any()


def test_balanced_order_without_one_class():
    index = balanced_order(CODES, 5, None)()
    assert_array_equal(np.bincount(CODES[index]), [25, 25, 25])


def test_rows_that_become_wide_are_gathered_in_fewer():
    batches = make_batches(50, 1)
    bins = TableInput((0,) * X.shape[1], (), True, (16,) * X.shape[1])
    assert batches.chunk_size(bins) == batches.chunk_size(identity) // 17
