"""What users suffered from, continued: conformance, imbalance, explanations.

The threads named are those in which people reported the symptom about other packages,
which must be impossible here. Where more is to be tested, another file does.
"""

import inspect
import warnings

import joblib
import numpy as np
import pytest
import shap
import torch
from captum.attr import IntegratedGradients, LayerGradCam
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_imbalanced_pipeline
from lime.lime_tabular import LimeTabularExplainer
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import ClassifierMixin, clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_breast_cancer
from sklearn.inspection import permutation_importance
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.utils import check_random_state
from sklearn.utils.estimator_checks import check_estimator
from skorch.callbacks import Callback, EarlyStopping
from small_nets import DIGIT, DIGITS, EACH_NET, NETS, SCHEDULE, X, Y, data, fitted, mlp

from skdeep import DeepMLPClassifier


def state(net):
    weights = {k: v.numpy().tobytes() for k, v in net.module_.state_dict().items()}
    layers = [
        (
            name,
            part.training,
            {k: len(v) for k, v in vars(part).items() if k[-5:] == "hooks"},
        )
        for name, part in net.module_.named_modules()
    ]
    return weights, layers


def test_24_conformance_needs_no_excuse():
    """autoemulate PR #107: skorch's estimators fail check_estimator."""
    # Toy data on which no net converges in time.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(
            DeepMLPClassifier((8,), max_iter=30, learning_rate_init=0.02),
            on_skip=None,
            on_fail="raise",
        )
    assert {result["status"] for result in results} <= {"passed", "skipped"}
    assert not any(result["expected_to_fail"] for result in results)
    assert sum(result["status"] == "passed" for result in results) > 50


@EACH_NET
def test_25_one_seed_decides_all(kind):
    """skorch #33: no seed; and the global one is left alone."""
    # scikit-learn's name for numpy's global generator.
    shared = check_random_state(None)
    torch_state, numpy_state = torch.get_rng_state(), shared.get_state()[1].copy()
    options = {"dropout": 0.3, "early_stopping": True}
    first, second, other = (
        fitted(kind, random_state=seed, **options).predict_proba(data(kind)[0])
        for seed in (1, 1, 2)
    )
    assert_array_equal(first, second)
    assert (first != other).any()
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert_array_equal(shared.get_state()[1], numpy_state)


@EACH_NET
def test_26_two_classes_have_two_columns(kind):
    """skorch #137 #442 #465 #502 #865: the maze of binary output shapes."""
    X, y = data(kind)
    net = clone(NETS[kind]).fit(X, y == 1)
    for n in (1, len(X)):
        probabilities = net.predict_proba(X[:n])
        assert probabilities.shape == (n, 2)
        assert net.decision_function(X[:n]).shape == net.predict(X[:n]).shape == (n,)
    assert_array_equal(probabilities[:, 1] > 0.5, net.predict(X))


@EACH_NET
def test_27_a_last_batch_of_one_does_no_harm(kind):
    """skorch #477, scvi #2314: batch normalization dies of it."""
    X, y = data(kind)
    net = clone(NETS[kind]).set_params(normalization="batch").fit(X[:97], y[:97] % 2)
    assert net.t_ == 97 * net.n_iter_
    n_before = net.t_
    net.partial_fit(X[:33], y[:33] % 2)
    assert net.t_ == n_before + 33


@EACH_NET
@pytest.mark.parametrize("batch_size", [50, 10_000])
def test_28_no_row_is_dropped(kind, batch_size):
    """tabnet #468: a batch larger than the data, and the loss is 0."""
    net = fitted(kind, batch_size=batch_size)
    assert net.t_ == len(data(kind)[0]) * net.n_iter_
    assert min(net.loss_curve_) > 0


@pytest.mark.parametrize("kind", ["cnn", "rnn"])
def test_29_samplers_stand_before_images_and_sequences(kind):
    """imblearn #395 #966 #1102: samplers refuse three and four axes."""
    rare = np.concatenate([np.flatnonzero(DIGIT != 2), np.flatnonzero(DIGIT == 2)[:50]])
    net = clone(NETS[kind]).set_params(max_iter=8)
    pipeline = make_imbalanced_pipeline(SMOTE(random_state=0), net)
    pipeline.fit(DIGITS[rare], DIGIT[rare])
    assert pipeline[-1].t_ == 3 * 182 * pipeline[-1].n_iter_
    assert pipeline.score(DIGITS, DIGIT) > 0.9


def test_30_batches_can_be_balanced():
    """imblearn #424 #595 #713: no balanced batches for torch."""
    shares = []

    class Watch(Callback):
        def on_batch_begin(self, net, batch, **kwargs):
            shares.append(batch[1].mean(0).numpy())

    rare = np.concatenate([np.flatnonzero(Y != 2), np.flatnonzero(Y == 2)[:4]])
    mlp(batch_sampler="balanced", callbacks=[Watch()]).fit(X[rare], Y[rare])
    assert np.abs(np.array(shares) - 1 / 3).max() < 0.05


def test_31_class_weight_knows_what_was_resampled():
    """imblearn #457 #833: weights don't go through a sampler."""
    rare = np.concatenate([np.flatnonzero(Y != 2), np.flatnonzero(Y == 2)[:9]])
    weighted, plain = (
        make_imbalanced_pipeline(
            RandomOverSampler(random_state=0), mlp(class_weight=weight)
        )
        .fit(X[rare], Y[rare])
        .predict_proba(X)
        for weight in ("balanced", None)
    )
    assert_allclose(weighted, plain, atol=1e-10)


def test_32_probabilities_bent_by_smote_can_be_mended():
    """imblearn #1101 #1128: SMOTE breaks calibration."""
    X, y = load_breast_cancer(return_X_y=True)
    # Two of thirty columns, so that the classes overlap.
    X, y = X[:, [0, 4]], 1 - y
    kept = np.concatenate([np.flatnonzero(y == 0), np.flatnonzero(y == 1)[:40]])
    X, y = X[kept], y[kept]
    bent = make_imbalanced_pipeline(SMOTE(random_state=0), mlp())
    mended = CalibratedClassifierCV(bent, method="sigmoid", cv=3).fit(X, y)
    bent = bent.fit(X, y).predict_proba(X)[:, 1]
    mended = mended.predict_proba(X)[:, 1]
    plain = mlp().fit(X, y).predict_proba(X)[:, 1]
    share = y.mean()
    assert bent.mean() > 1.3 * share
    assert plain.mean() == pytest.approx(share, rel=0.25)
    assert mended.mean() == pytest.approx(share, rel=0.25)
    assert brier_score_loss(y, mended) < brier_score_loss(y, bent)


def test_33_callbacks_work_on_the_last_step_of_imblearns_pipeline():
    """imblearn's Pipeline fires no hook of scikit-learn's callbacks itself."""
    monitor = ScoringMonitor(scoring="accuracy")
    net = mlp().set_callbacks(monitor)
    make_imbalanced_pipeline(RandomOverSampler(random_state=0), net).fit(X, Y)
    scores = [row["accuracy"] for row in monitor.get_logs().data if "accuracy" in row]
    assert len(scores) >= SCHEDULE["max_iter"]
    assert max(scores) > 0.8


# shap compares numpy arrays with tensors.
@pytest.mark.filterwarnings(
    "ignore:__array_wrap__ must accept context:DeprecationWarning"
)
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_34_deep_shap_adds_up(kind):
    """shap #3363 #3263 #3476 #3735 #3938, captum #1082: a functional or shared relu."""
    deeper = {"hidden_layer_sizes": (8, 8), "normalization": None}
    net = fitted(kind, **deeper)
    inputs = torch.tensor(data(kind)[0]).reshape(-1, *net.input_shape_)
    explainer = shap.DeepExplainer(net.to_module(), inputs[::10])
    values = explainer.shap_values(inputs[:4], check_additivity=True)
    total = values.reshape(4, -1, 3).sum(1) + explainer.expected_value
    assert_allclose(total, net.decision_function(data(kind)[0][:4]), atol=1e-9)


@pytest.mark.parametrize("cell_type", ["gru", "lstm", "rnn"])
def test_35_recurrent_nets_can_be_explained(cell_type):
    """shap #1282 #2653 #3415 #3593: DeepExplainer doesn't know LSTM and GRU."""
    net = fitted("rnn", cell_type=cell_type)
    explainer = shap.Explainer(net, DIGITS[::60], seed=0)
    assert isinstance(explainer, shap.explainers.Permutation)
    explanation = explainer(DIGITS[:1], silent=True)
    total = explanation.values.sum(1) + explanation.base_values
    assert_allclose(total, net.predict_proba(DIGITS[:1]), atol=1e-9)


@EACH_NET
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "silu"])
def test_36_no_activation_works_in_place_or_twice(kind, activation):
    """shap #3466 #3565, pytorch #61519: in-place relu breaks hooks."""
    module = fitted(
        kind, activation=activation, hidden_layer_sizes=(6, 6), max_iter=1
    ).to_module()
    assert not any(getattr(part, "inplace", False) for part in module.modules())
    called = []
    for part in module.modules():
        if isinstance(
            part, (torch.nn.ReLU, torch.nn.LeakyReLU, torch.nn.ELU, torch.nn.SiLU)
        ):
            part.register_forward_hook(lambda part, *_: called.append(id(part)))
    module(torch.tensor(data(kind)[0][:3]).reshape(3, *module.config["input_shape"]))
    assert len(called) == len(set(called)) >= 2


@EACH_NET
def test_37_many_rows_are_predicted_in_bounded_memory(kind):
    """shap #66 #1304 #1910 #1977: KernelExplainer takes hours or all memory."""
    # Batch normalization keeps the dense net on the path of modules.
    net = fitted(kind, normalization="batch")
    sizes = []
    handle = net.module_.register_forward_hook(
        lambda module, inputs, output: sizes.append(len(output))
    )
    rows = np.tile(data(kind)[0][:100], (400, 1))
    net.predict_proba(rows)
    assert sum(sizes) == len(rows)
    assert max(sizes) * net.module_.row_size <= 2**20
    # As few calls as that allows.
    assert len(sizes) < 500
    handle.remove()


def test_37_kernel_explainer_adds_up():
    """shap #66: on the net itself, in a few large calls."""
    net = mlp().fit(X, Y)
    explainer = shap.KernelExplainer(net.predict_proba, X[::10], seed=0)
    values = explainer.shap_values(X[:2], nsamples=300, silent=True)
    total = values.sum(1) + explainer.expected_value
    assert_allclose(total, net.predict_proba(X[:2]), atol=1e-9)


def explain(net, seed):
    explainer = LimeTabularExplainer(X, random_state=seed)
    return explainer.explain_instance(X[0], net.predict_proba, num_samples=5000)


def test_38_lime_gets_the_probabilities_that_it_wants():
    """lime #428 #467 #668: one column is refused."""
    seen = []
    net = mlp().fit(X, Y == 1)

    class Watched:
        @staticmethod
        def predict_proba(rows):
            seen.append((rows.shape, rows.dtype, net.predict_proba(rows)))
            return seen[-1][-1]

    explanation = explain(Watched, 0)
    shape, dtype, probabilities = seen[-1]
    assert (shape, dtype) == ((5000, 13), np.float64)
    assert probabilities.shape == (5000, 2)
    assert probabilities.dtype == np.float64
    assert explanation.score > 0.1


def test_39_explanations_can_be_repeated():
    """lime #67 #231 #389: they change from call to call."""
    net = mlp().fit(X, Y)
    assert explain(net, 0).as_list() == explain(net, 0).as_list()
    assert explain(net, 0).as_list() == explain(mlp().fit(X, Y), 0).as_list()


@pytest.mark.parametrize("cell_type", ["gru", "lstm", "rnn"])
def test_40_gradients_of_recurrent_nets_in_eval_mode(cell_type):
    """captum #328 #564 #1159: RNN backward can only be called in training mode."""
    module = fitted("rnn", cell_type=cell_type).to_module()
    assert not module.training
    x = torch.tensor(DIGITS[:4]).reshape(4, 8, 8).requires_grad_()
    (slope,) = torch.autograd.grad(module(x)[:, 0].sum(), x)
    step = torch.zeros_like(x)
    step[:, 7, 3] = 1e-6
    with torch.no_grad():
        change = (module(x + step) - module(x - step))[:, 0] / 2e-6
    assert_allclose(slope[:, 7, 3].numpy(), change.numpy(), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("input_shape", [(1, 8, 8), (8, 8), (1, 64)])
def test_41_grad_cam_of_images_and_series_leaves_nothing_behind(input_shape):
    """grad-cam #88 #132 #483: hooks leak, and no series."""
    net = fitted("cnn", input_shape=input_shape, n_members=1)
    before = state(net)
    module = net.to_module()
    x = torch.tensor(DIGITS[:4]).reshape(4, *input_shape)
    cam = LayerGradCam(module, module.features).attribute(x, target=0)
    assert cam.ndim == x.ndim
    IntegratedGradients(module).attribute(x, target=0, n_steps=5)
    assert state(net) == before
    with torch.no_grad():
        assert_array_equal(module(x).numpy(), net.to_module()(x).numpy())


@EACH_NET
def test_43_read_only_memory_maps(kind, tmp_path):
    """skorch #799, scikit-learn #15810: workers get maps that can't be written."""
    X, y = data(kind)
    joblib.dump(X, tmp_path / "X.joblib")
    mapped = joblib.load(tmp_path / "X.joblib", mmap_mode="r")
    assert not mapped.flags.writeable
    net = clone(NETS[kind]).fit(mapped, y)
    one, two = (
        permutation_importance(
            net, mapped[:40], y[:40], n_repeats=2, random_state=0, n_jobs=n_jobs
        ).importances
        for n_jobs in (1, 2)
    )
    assert_array_equal(one, two)
    assert_array_equal(net.predict_proba(mapped), net.predict_proba(X))


@EACH_NET
def test_44_a_classifier_as_scikit_learn_knows_it(kind):
    """tabnet #238 #349 #512 #584: arguments in fit, which returns None."""
    net = clone(NETS[kind])
    assert net.fit(*data(kind)) is net
    assert list(inspect.signature(net.fit).parameters) == ["X", "y", "sample_weight"]
    assert is_classifier(net)
    assert isinstance(net, ClassifierMixin)
    assert cross_val_score(net, *data(kind), cv=2).min() > 0.6


@EACH_NET
def test_45_parameters_set_late_count(kind):
    """aeon: a net built in __init__ knows nothing of set_params."""
    net = fitted(kind).set_params(hidden_layer_sizes=(7,), activation="tanh")
    module = net.fit(*data(kind)).to_module()
    assert module.output.in_features == 7
    assert sum(isinstance(part, torch.nn.Tanh) for part in module.modules()) >= 1


def test_46_callbacks_start_afresh_with_each_fit():
    """keras #3000: their state survives from fold to fold."""
    stopping = EarlyStopping("train_loss", patience=3, threshold=0.3)
    net = mlp(callbacks=[stopping], max_iter=40, learning_rate="cosine")
    alone = [clone(net).fit(X[part::2], Y[part::2]).n_iter_ for part in (0, 1, 0)]
    assert alone[0] == alone[2]
    assert max(alone) < 40
    shared = clone(net)
    again = [shared.fit(X[part::2], Y[part::2]).n_iter_ for part in (0, 1, 0)]
    assert again == alone


@EACH_NET
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_47_rows_sum_to_one(kind, dtype):
    """scikit-learn-intelex #3401: roc_auc refuses rows that don't."""
    X, y = data(kind)
    net = fitted(kind, dtype=dtype)
    probabilities = net.predict_proba(X)
    assert probabilities.dtype == np.float64
    assert np.abs(probabilities.sum(1) - 1).max() < 1e-14
    assert roc_auc_score(y, probabilities, multi_class="ovr") > 0.8
