"""Random changes of training batches."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeep import DeepCNNClassifier
from skdeep._augmentation import CHANGES, augmentation, column_dropout
from skdeep._parameters import InvalidParameterError

X, Y = load_digits(return_X_y=True)
IMAGES = torch.from_numpy(X.reshape(-1, 1, 8, 8))[:50]
SERIES = torch.from_numpy(X.reshape(-1, 2, 32))[:50]
TARGET = torch.eye(10, dtype=torch.float64)[Y[:50]]
NET = DeepCNNClassifier(
    input_shape=(1, 8, 8),
    architecture="plain",
    n_filters=(8, 8),
    learning_rate="cosine",
    max_iter=3,
    batch_size=64,
    random_state=0,
)


def change(names, x, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return augmentation(names, generator)(x, TARGET)


@pytest.mark.parametrize(
    "x", [IMAGES, SERIES, IMAGES.float()], ids=["images", "series", "float32"]
)
@pytest.mark.parametrize("name", CHANGES)
def test_shapes_types_and_seeds(name, x):
    given, target = x.clone(), TARGET.clone()
    changed, soft = change([name], x)
    assert changed.shape == x.shape
    assert changed.dtype == x.dtype
    assert soft.shape == TARGET.shape
    assert not torch.equal(changed, x)
    assert torch.equal(x, given)
    assert torch.equal(TARGET, target)
    assert torch.equal(change([name], x)[0], changed)
    assert not torch.equal(change([name], x, seed=1)[0], changed)
    assert_allclose(soft.sum(1), 1.0)
    assert torch.equal(soft, TARGET) == (name != "mixup")


def test_shift_moves_by_a_tenth_and_repeats_the_edge():
    ramp = torch.arange(40.0).expand(200, 1, 40)
    moved = change(["shift"], ramp)[0]
    by = (ramp - moved)[:, 0, 20]
    assert sorted(set(by.tolist())) == list(range(-4, 5))
    for row, n in zip(moved[:, 0], by.long().tolist(), strict=True):
        assert_allclose(row, (torch.arange(40) - n).clamp(0, 39))


def test_flip_mirrors_half_of_the_samples():
    flipped = change(["flip"], IMAGES)[0]
    same = (flipped == IMAGES).flatten(1).all(1)
    mirrored = (flipped == IMAGES.flip(3)).flatten(1).all(1)
    assert (same | mirrored).all()
    assert 15 < int(same.sum()) < 35


def test_crop_stretches_a_part():
    ramp = torch.arange(40.0).expand(200, 1, 40)
    steps = change(["crop"], ramp)[0].diff(dim=2)
    assert_allclose(steps, steps[:, :, :1].expand_as(steps), atol=1e-4)
    assert 0.8 <= float(steps.min()) < 0.85
    assert 0.95 < float(steps.max()) <= 1.0001


def test_cutout_zeroes_one_box():
    ones = torch.ones(200, 2, 20, 10)
    cut = change(["cutout"], ones)[0] == 0
    assert torch.equal(cut[:, 0], cut[:, 1])
    heights, widths = cut[:, 0].any(2).sum(1), cut[:, 0].any(1).sum(1)
    assert int(heights.max()) == 8
    assert int(widths.max()) == 4
    assert torch.equal(cut[:, 0].sum((1, 2)), heights * widths)


def test_mixup_mixes_targets_as_it_mixes_inputs():
    x = torch.arange(50.0, dtype=torch.float64)[:, None, None].expand(50, 1, 3)
    index = torch.eye(50, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    mixed, shares = augmentation(["mixup"], generator)(x, index)
    assert_allclose(mixed[:, 0, 0], shares @ torch.arange(50.0, dtype=torch.float64))
    assert (shares.diagonal() >= 0.5).all()
    assert len(shares.diagonal().unique()) > 30


@pytest.mark.parametrize("names", ["shift", ["crop", "cutout"], ("mixup",)])
def test_estimators_change_what_they_train_on_only(names):
    parts = train_test_split(X, Y, random_state=0)
    plain, changed = (
        clone(NET).set_params(augmentation=a).fit(parts[0], parts[2])
        for a in (None, names)
    )
    assert changed.loss_ > plain.loss_
    p = changed.predict_proba(parts[1])
    assert np.array_equal(p, changed.predict_proba(parts[1]))
    again = clone(changed).fit(parts[0], parts[2])
    assert np.array_equal(p, again.predict_proba(parts[1]))


def test_members_see_changes_of_their_own_and_as_if_alone():
    ensemble = clone(NET).set_params(augmentation="shift", n_members=2, max_iter=2)
    one, other = ensemble.fit(X[:300], Y[:300]).module_.members
    assert not torch.equal(one.output.weight, other.output.weight)
    random_state = np.random.RandomState(0)
    alone = clone(NET).set_params(
        augmentation="shift", max_iter=2, random_state=random_state
    )
    alone.fit(X[:300], Y[:300])
    assert_allclose(
        alone.module_.output.weight.detach(), one.output.weight.detach(), rtol=1e-6
    )


@pytest.mark.parametrize("bad", ["rotate", ["shift", "rotate"], 3, [None], True])
def test_bad_names(bad):
    with pytest.raises(InvalidParameterError, match=r"`augmentation` must be 'shift',"):
        clone(NET).set_params(augmentation=bad).fit(X[:50], Y[:50])


def test_lbfgs_takes_none():
    with pytest.raises(InvalidParameterError, match="`augmentation` must be None"):
        clone(NET).set_params(augmentation="flip", solver="lbfgs").fit(X[:50], Y[:50])


def test_columns_are_dropped_from_the_whole_batch_and_codes_are_not():
    generator = torch.Generator().manual_seed(0)
    change = column_dropout(0.25, 3, generator)
    x, target = torch.rand(5, 1003) + 1.0, torch.rand(5, 2)
    changed, same = change(x, target)
    assert same is target
    kept = changed[:, :-3] / x[:, :-3]
    assert_allclose(kept, kept[:1].expand_as(kept), rtol=1e-6)
    stayed = kept[0] > 0
    assert_allclose(kept[0][stayed], 4 / 3, rtol=1e-6)
    assert 0.7 < stayed.float().mean() < 0.8
    assert torch.equal(changed[:, -3:], x[:, -3:])
    assert not torch.equal(change(x, target)[0], changed)
