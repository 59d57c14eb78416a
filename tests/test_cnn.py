"""How the convolutional classifier plans its training."""

import pickle

import numpy as np
import onnxruntime
import pytest
import sklearn.model_selection
import torch
from captum.attr import DeepLift
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits

from skdeep import DeepCNNClassifier
from skdeep.inspection import grad_cam, integrated_gradients, saliency_maps
from skdeep.model_selection import GridSearchCV
from skdeep.modules import CNN, WeightedBatchNorm
from skdeep.modules.random_kernels import RandomKernels
from skdeep.persistence import load, save, to_onnx

X, Y = load_digits(n_class=3, return_X_y=True)


def small(**parameters):
    return DeepCNNClassifier(
        **{"input_shape": (8, 8), "n_filters": 4, "random_state": 0, **parameters}
    )


@pytest.mark.parametrize(
    ("n_samples", "batch_size", "n_epochs"),
    [
        (1, 1, 300),
        (29, 29, 300),
        (30, 15, 250),
        (100, 20, 100),
        (1000, 100, 50),
        (1999, 200, 50),
        (60000, 200, 12),
    ],
)
def test_batches_are_alike_and_about_five_hundred(n_samples, batch_size, n_epochs):
    clf = small()
    assert clf._auto_batch_size(n_samples) == batch_size
    assert clf._n_epochs(-(-n_samples // batch_size)) == n_epochs


def test_automatic_and_given_numbers():
    clf = small(n_members=1).fit(X[:100], Y[:100])
    assert clf.n_iter_ <= 100
    assert clf.net_.solver_settings_["n_steps"] == 500
    clf = small(n_members=1, max_iter=3, batch_size=7).fit(X[:100], Y[:100])
    assert clf.n_iter_ == 3
    assert clf.net_.solver_settings_["n_steps"] == 3 * 15


def test_series_get_five_nets_three_of_which_have_filters_to_choose():
    several = small(n_filters="auto", max_iter=2).fit(X[:60], Y[:60])
    members = several.module_.members
    kernels = [part.config["kernel_size"][0] for part in members]
    assert kernels == [(7, 5, 3), (15, 9, 5), (8,), (9,), (9,)]
    assert [part.config["architecture"] for part in members[3:]] == ["rocket"] * 2
    first, second = (part.features[0].branches[0][0].weight for part in members[3:])
    assert not torch.equal(first, second)
    for settings in ({"n_filters": 4}, {"n_filters": "auto", "augmentation": "shift"}):
        net = small(max_iter=1, **settings).fit(X[:60], Y[:60])
        assert len(net.module_.members) == 3


def test_series_get_three_nets_the_first_of_which_is_the_only_one_if_one_is_asked_for():
    settings = {"max_iter": 2}
    several = small(**settings).fit(X, Y)
    kernels = [part.config["kernel_size"][0] for part in several.module_.members]
    assert kernels == [(7, 5, 3), (15, 9, 5), (8,)]
    narrow = small(n_members=1, **settings).fit(X, Y)
    assert narrow.module_.config == several.module_.members[0].config
    logits = narrow.to_module()(torch.tensor(X.reshape(-1, 8, 8)))
    first = several.to_module().members[0](torch.tensor(X.reshape(-1, 8, 8)))
    assert_allclose(first.detach(), logits.detach())
    for alone in (
        {"kernel_size": 5},
        {"architecture": "fcn"},
        {"input_shape": (1, 8, 8)},
    ):
        assert isinstance(small(**settings, **alone).fit(X, Y).module_, CNN)


def test_five_nets_are_saved_and_exported_as_one(tmp_path):
    net = small(n_filters="auto", max_iter=1, dtype="float32").fit(X, Y)
    assert len(net.module_.members) == 5
    expected = net.predict_proba(X)
    save(net, tmp_path / "net.skdeep")
    loaded = load(tmp_path / "net.skdeep")
    assert_array_equal(loaded.predict_proba(X), expected)
    to_onnx(net, tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    (rows,) = session.get_inputs()
    outputs = session.run(["probabilities"], {rows.name: X.astype(np.float32)})
    assert_allclose(outputs[0], expected, atol=1e-5)


def test_training_of_three_nets_goes_on():
    net = small(max_iter=2, warm_start=True).fit(X, Y)
    t = net.t_
    assert net.fit(X, Y).t_ == 2 * t
    net.partial_fit(X, Y)
    with pytest.raises(ValueError, match=r"`n_members` .*Got 1"):
        net.set_params(n_members=1).fit(X, Y)


def test_partial_fit_and_lbfgs_go_without_a_number():
    clf = small().partial_fit(X[:40], Y[:40], classes=[0, 1, 2])
    assert clf.n_iter_ == 1
    clf = small(solver="lbfgs", n_filters=2).fit(X[:30], Y[:30])
    assert clf.score(X[:30], Y[:30]) > 0.9


@pytest.mark.parametrize(
    ("batch_size", "batch"), [("auto", True), (8, True), (1, False)]
)
def test_batches_of_one_are_not_normalized_by_their_statistics(batch_size, batch):
    clf = small(batch_size=batch_size, max_iter=1).fit(X[:20], Y[:20])
    layers = list(clf.module_.modules())
    assert any(isinstance(layer, WeightedBatchNorm) for layer in layers) is batch


@pytest.mark.parametrize("architecture", ["plain", "residual", "fcn", "inception"])
@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8)])
def test_architectures_learn(architecture, shape):
    clf = small(
        input_shape=shape, architecture=architecture, n_filters=(8, 8), max_iter=8
    )
    assert clf.fit(X[:400], Y[:400]).score(X[400:], Y[400:]) > 0.9


def rocket(**parameters):
    return small(**{"architecture": "rocket", "n_filters": 64, **parameters})


def kernels_of(net):
    return [b[0].weight.tolist() for b in net.to_module().features[0].branches]


@pytest.mark.parametrize("early_stopping", [False, True])
def test_random_kernels_learn_what_digits_look_like(early_stopping):
    settings = {"max_iter": 30, "early_stopping": early_stopping}
    net = rocket(**settings).fit(X[:400], Y[:400])
    assert net.score(X[400:], Y[400:]) > 0.9
    assert kernels_of(net) == kernels_of(rocket(max_iter=1).fit(X[:400], Y[:400]))
    again = pickle.loads(pickle.dumps(net))
    assert_array_equal(again.predict_proba(X), net.predict_proba(X))


def test_random_kernels_stay_when_training_goes_on():
    net = rocket(max_iter=2, warm_start=True).fit(X, Y)
    before, t = kernels_of(net), net.t_
    assert net.fit(X, Y).partial_fit(X, Y).t_ > 2 * t
    assert kernels_of(net) == before


def test_random_kernels_read_rows_once_a_fit(monkeypatch):
    seen = []
    forward = RandomKernels.forward

    def noted(self, x):
        seen.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(RandomKernels, "forward", noted)
    rocket(max_iter=5).fit(X, Y)
    assert len(X) <= sum(seen) < 2 * len(X)


def test_random_kernels_train_by_every_solver_and_search():
    net = rocket(solver="lbfgs", max_iter=50).fit(X[:400], Y[:400])
    assert net.score(X[400:], Y[400:]) > 0.9
    grid = {"alpha": [0.0, 0.01], "random_state": [0, 1]}
    ours, theirs = (
        search(rocket(max_iter=4), grid, cv=2).fit(X, Y).cv_results_["mean_test_score"]
        for search in (GridSearchCV, sklearn.model_selection.GridSearchCV)
    )
    assert_allclose(ours, theirs)
    assert len(set(theirs)) > 1


def test_explanations_reach_through_random_kernels():
    net = rocket(max_iter=30).fit(X, Y)
    result = integrated_gradients(net, X[:20])
    assert np.abs(result.attributions).max() > 0
    difference = result.attributions.sum(1) - result.convergence_delta
    assert abs(result.convergence_delta).mean() <= 0.05 * abs(difference).mean()
    assert (saliency_maps(net, X[:20]).attributions.std(1) > 0).all()
    assert grad_cam(net, X[:5]).maps.shape == (5, 8)


def test_deep_lift_adds_up_over_random_kernels():
    net = rocket(dtype="float64", max_iter=5).fit(X, Y)
    module, shown = net.to_module(), torch.from_numpy(X[:6]).view(-1, 8, 8)
    assert len(module.features[0].branches) == 2
    attributions, delta = DeepLift(module).attribute(
        shown.requires_grad_(),
        torch.zeros(1, 8, 8).double(),
        target=1,
        return_convergence_delta=True,
    )
    assert attributions.abs().max() > 0.01
    assert delta.abs().max() < 1e-9


@pytest.mark.parametrize("n_members", [1, 3])
def test_convolutions_over_images_hold_their_channels_last(n_members):
    clf = DeepCNNClassifier(
        n_filters=(4, 8), n_members=n_members, max_iter=2, random_state=0
    )
    X, y = load_digits(return_X_y=True)
    X = X.reshape(-1, 1, 8, 8)
    clf.fit(X, y)
    again = pickle.loads(pickle.dumps(clf))
    for module in (clf.module_, again.module_, clf.to_module()):
        weights = [p for p in module.parameters() if p.ndim == 4]
        assert len(weights) == 2 * n_members
        for weight in weights:
            assert weight.is_contiguous(memory_format=torch.channels_last)
    assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    again.set_params(warm_start=True, max_iter=10).fit(X, y)
    assert again.score(X, y) > 0.8
