"""Batches of many nets beside those of each of them."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits

from skdeep import _batches
from skdeep._batches import Batches, Fold, Rows, shuffled_order
from skdeep._losses import target_rows
from skdeep._streams import for_nets, side_by_side, stacked_epoch

X, Y = load_digits(return_X_y=True)
WEIGHT = np.random.default_rng(0).uniform(0.1, 3.0, len(Y))


def halved(x):
    return x / 2.0


def stream(seed, n=53, weight=None, shape=(64,)):
    """Batches of 13 of some rows, whose last one takes one row more than the others."""
    rows = Rows(X, Fold(shape), torch.float64, torch.device("cpu"))
    order = shuffled_order(n, torch.Generator().manual_seed(seed))
    targets = target_rows(Y, 10, 0.0, torch.float64)
    return Batches(rows, Y, targets, weight, np.arange(n), 13, order)


@pytest.mark.parametrize("n_bytes_kept", [0, 2**20])
@pytest.mark.parametrize("n_rows_at_once", [1, 60, 1000])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("shape", [(64,), (1, 8, 8)])
def test_each_net_sees_what_it_would_see_alone(
    n_rows_at_once, n_bytes_kept, weight, shape, monkeypatch
):
    monkeypatch.setattr(_batches, "_KEPT_BYTES", n_bytes_kept)
    monkeypatch.setattr(_batches, "_CHUNK_BYTES", 8 * 64 * n_rows_at_once)
    options = {"weight": weight, "shape": shape}
    n_nets = [1, 2, 1]
    found = stacked_epoch([stream(i, **options) for i in range(3)], halved, n_nets)
    alone = [list(stream(i, **options).epoch(halved)) for i in (0, 1, 1, 2)]
    n_batches = 0
    for batch, *each in zip(found, *alone, strict=True):
        n_batches += 1
        assert batch.sizes == [len(own.x) for own in each]
        assert_allclose(batch.totals, [own.total for own in each], rtol=1e-12)
        for net, own in enumerate(each):
            assert_array_equal(batch.x[net], own.x)
            assert_array_equal(batch.target[net], own.target)
            if weight is not None:
                assert_array_equal(batch.weight[net], own.weight)
    assert n_batches == 4


def test_one_stream_is_common_to_all_its_nets():
    (first, *_) = stacked_epoch([stream(0)], halved, [3])
    assert first.x.shape == (1, 13, 64)
    assert first.sizes == first.totals == [13, 13, 13]


def test_rows_are_taken_once_for_all(monkeypatch):
    taken, take = [], Rows.take

    def watched(self, index):
        taken.append(len(index))
        return take(self, index)

    monkeypatch.setattr(Rows, "take", watched)
    monkeypatch.setattr(_batches, "_KEPT_BYTES", 0)
    assert len(list(stacked_epoch([stream(0), stream(1)], halved, [1, 1]))) == 4
    assert taken == [2 * 53]


def batch_of(n, n_nets=1, weight=None):
    (batch, *_) = stream(n, n=n, weight=weight).epoch(halved)
    return for_nets(batch, n_nets)


def test_parts_of_one_size_stand_side_by_side():
    parts = [batch_of(5, 2), batch_of(5)]
    joint = side_by_side(parts)
    assert joint.weight is None
    assert joint.sizes == joint.totals == [5, 5, 5]
    for net, part in enumerate([parts[0], parts[0], parts[1]]):
        assert_array_equal(joint.x[net], part.x[0])
        assert_array_equal(joint.target[net], part.target[0])


def test_what_pads_has_no_weight():
    joint = side_by_side([batch_of(5), batch_of(3, weight=WEIGHT)])
    assert joint.sizes == [5, 3]
    assert_array_equal(joint.weight[0], np.ones(5))
    assert_allclose(joint.weight[1].sum(), joint.totals[1])
    assert_array_equal(joint.weight[1, 3:], [0.0, 0.0])
    assert not joint.x[1, 3:].any()


def test_a_single_part_is_left_as_it_is():
    part = batch_of(5, 2)
    assert side_by_side([part]) is part
