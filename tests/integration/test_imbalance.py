"""imbalanced-learn around the nets, on sets whose classes were made uneven."""

from functools import cache

import numpy as np
import pytest
from imblearn.combine import SMOTEENN, SMOTETomek
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.metrics import geometric_mean_score
from imblearn.model_selection import InstanceHardnessCV
from imblearn.over_sampling import ADASYN, SMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.pipeline import Pipeline, make_pipeline
from imblearn.under_sampling import InstanceHardnessThreshold, RandomUnderSampler
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    log_loss,
    make_scorer,
    recall_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_validate,
)
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.class_weight import compute_class_weight
from skorch.callbacks import Callback

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier

SAMPLERS = [
    RandomOverSampler,
    RandomUnderSampler,
    SMOTE,
    BorderlineSMOTE,
    ADASYN,
    SMOTEENN,
    SMOTETomek,
]
# Short enough that a plain net still overlooks the rare class.
SCHEDULE = {
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,
    "max_iter": 6,
    "batch_size": 64,
}
MLP = DeepMLPClassifier((8,), **SCHEDULE)
CNN = DeepCNNClassifier(input_shape=(1, 8, 8), n_filters=(8,), **SCHEDULE)
RNN = DeepRNNClassifier(
    architecture="recurrent", input_shape=(8, 8), hidden_size=8, **SCHEDULE
)
NETS = {"mlp": MLP, "cnn": CNN, "rnn": RNN}
EACH_NET = pytest.mark.parametrize("kind", NETS)


@cache
def rare_digit():
    """The digit 8 against all others, 1 to 20; the test rows hold enough of both."""
    X, digit = load_digits(return_X_y=True)
    y = np.where(digit == 8, "eight", "other")
    rare, frequent = np.flatnonzero(digit == 8), np.flatnonzero(digit != 8)
    train = np.concatenate([rare[:25], frequent[:500]])
    test = np.concatenate([rare[60:], frequent[800:]])
    return X[train], y[train], X[test], y[test]


@cache
def rare_cancer():
    """The breast cancer set with 1 malignant for 10 benign rows to train on."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    rare, frequent = np.flatnonzero(y == 0), np.flatnonzero(y == 1)
    train = np.concatenate([rare[:20], frequent[:200]])
    test = np.concatenate([rare[20:], frequent[200:]])
    return X.iloc[train], 1 - y.iloc[train], X.iloc[test], 1 - y.iloc[test]


def net(kind, **parameters):
    return clone(NETS[kind]).set_params(random_state=0, **parameters)


def recall(model, seeds=(0, 1, 2)):
    """Mean recall of the rare digit over `seeds` of the net, and balanced accuracy."""
    X, y, X_test, y_test = rare_digit()
    name = "random_state"
    if isinstance(model, Pipeline):
        name = f"{model.steps[-1][0]}__random_state"
    scores = []
    for seed in seeds:
        said = clone(model).set_params(**{name: seed}).fit(X, y).predict(X_test)
        assert said.shape == y_test.shape
        scores.append(
            (
                recall_score(y_test, said, pos_label="eight"),
                balanced_accuracy_score(y_test, said),
            )
        )
    return np.mean(scores, axis=0)


@cache
def plain_recall(kind):
    return recall(NETS[kind])


@EACH_NET
def test_the_task_is_imbalanced_enough_to_need_help(kind):
    found, _ = plain_recall(kind)
    assert found < 0.45


@EACH_NET
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_sampler_in_a_pipeline_finds_more_of_the_rare_class(sampler, kind):
    final = clone(NETS[kind])
    if sampler is RandomUnderSampler:
        # The 50 rows that it leaves would make one batch.
        final.set_params(batch_size=8, max_iter=15)
    found, balanced = recall(make_pipeline(sampler(random_state=0), final))
    assert found > plain_recall(kind)[0] + 0.1
    assert balanced > plain_recall(kind)[1] + 0.04


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_net_trains_on_what_the_sampler_gives(sampler):
    X, y, X_test, _ = rare_digit()
    pipeline = make_pipeline(sampler(random_state=0), net("mlp")).fit(X, y)
    X_given, y_given = sampler(random_state=0).fit_resample(X, y)
    assert pipeline[-1].t_ == len(X_given) * SCHEDULE["max_iter"] != len(X) * 6
    alone = net("mlp").fit(X_given, y_given)
    assert_array_equal(pipeline.predict_proba(X_test), alone.predict_proba(X_test))


@pytest.mark.parametrize(
    ("kind", "shape"), [("cnn", (1, 8, 8)), ("cnn", (8, 8)), ("rnn", (8, 8))]
)
def test_smote_on_flat_rows_equals_a_fit_on_folded_ones(kind, shape):
    X, y, X_test, _ = rare_digit()
    pipeline = make_pipeline(SMOTE(random_state=0), net(kind, input_shape=shape))
    if kind == "cnn" and shape == (8, 8):
        # Eight channels of a series: the same numbers, folded in another way.
        assert pipeline.fit(X, y)[-1].input_shape_ == (8, 8)
    X_given, y_given = SMOTE(random_state=0).fit_resample(X, y)
    folded = net(kind, input_shape=None).fit(X_given.reshape(-1, *shape), y_given)
    assert_array_equal(
        pipeline.fit(X, y).predict_proba(X_test),
        folded.predict_proba(X_test.reshape(-1, *shape)),
    )


def test_smote_on_colour_images_with_channels_last():
    X, y, X_test, y_test = rare_digit()

    def colour(rows):
        return np.repeat(rows[:, :, None], 3, axis=2).reshape(len(rows), -1)

    cnn = net("cnn", input_shape=(8, 8, 3), channels="last")
    pipeline = make_pipeline(SMOTE(random_state=0), cnn).fit(colour(X), y)
    assert pipeline[-1].input_shape_ == (3, 8, 8)
    said = pipeline.predict(colour(X_test))
    assert recall_score(y_test, said, pos_label="eight") > plain_recall("cnn")[0] + 0.15


@EACH_NET
def test_search_over_sampler_and_net_together(kind):
    X, y, X_test, y_test = rare_digit()
    pipeline = Pipeline([("sampler", "passthrough"), ("net", net(kind))])
    search = GridSearchCV(
        pipeline,
        {
            "sampler": ["passthrough", SMOTE(random_state=0), RandomOverSampler()],
            "net__learning_rate_init": [0.0001, 0.02],
        },
        scoring="balanced_accuracy",
        cv=3,
        error_score="raise",
    ).fit(X, y)
    assert search.best_params_["sampler"] != "passthrough"
    assert search.best_params_["net__learning_rate_init"] == 0.02
    assert len(set(search.cv_results_["mean_test_score"])) >= 4
    found = recall_score(y_test, search.predict(X_test), pos_label="eight")
    assert found > plain_recall(kind)[0] + 0.1


def test_search_gives_each_fold_its_own_resampled_rows():
    X, y, _, _ = rare_digit()
    scores = cross_validate(
        make_pipeline(RandomOverSampler(random_state=0), net("mlp")),
        X,
        y,
        cv=5,
        return_estimator=True,
        return_indices=True,
    )
    for pipeline, train in zip(
        scores["estimator"], scores["indices"]["train"], strict=True
    ):
        assert pipeline[-1].t_ == 6 * 2 * (y[train] == "other").sum()


@EACH_NET
@pytest.mark.parametrize("ensemble", [BalancedBaggingClassifier, RUSBoostClassifier])
def test_ensemble_of_nets_finds_more_of_the_rare_class(ensemble, kind):
    X, y, X_test, y_test = rare_digit()
    model = ensemble(
        net(kind, batch_size=8, max_iter=15), n_estimators=3, random_state=0
    )
    model.fit(X, y)
    said = model.predict(X_test)
    assert recall_score(y_test, said, pos_label="eight") > plain_recall(kind)[0] + 0.2
    assert balanced_accuracy_score(y_test, said) > plain_recall(kind)[1] + 0.05
    assert_allclose(model.predict_proba(X_test).sum(1), 1.0)


@EACH_NET
def test_easy_ensemble_of_boosted_nets(kind):
    X, y, X_test, y_test = rare_digit()
    model = EasyEnsembleClassifier(
        n_estimators=2,
        estimator=net(kind, batch_size=8, max_iter=15),
        random_state=0,
    )
    said = model.fit(X, y).predict(X_test)
    assert recall_score(y_test, said, pos_label="eight") > plain_recall(kind)[0] + 0.2


def test_balanced_bagging_trains_every_net_on_as_many_rows_of_each_class():
    X, y, _, _ = rare_digit()
    bagging = BalancedBaggingClassifier(net("mlp"), n_estimators=4, random_state=0)
    bagging.fit(X, y)
    nets = [pipeline[-1] for pipeline in bagging.estimators_]
    # Resampling in a bootstrap leaves about twice the 25 rare rows.
    assert all(6 * 2 * 10 < member.t_ < 6 * 2 * 40 for member in nets)
    assert len({member.coefs_[-1].tobytes() for member in nets}) == 4


def test_class_weight_is_computed_after_resampling():
    """Evened out classes leave nothing to weigh; half evened ones leave the rest."""
    X, y, X_test, _ = rare_digit()

    def probabilities(sampler, class_weight):
        weighted = net("mlp", class_weight=class_weight)
        return make_pipeline(sampler, weighted).fit(X, y).predict_proba(X_test)

    even = SMOTE(random_state=0)
    assert_allclose(
        probabilities(even, "balanced"), probabilities(even, None), atol=1e-10
    )
    half = SMOTE(sampling_strategy=0.5, random_state=0)
    _, y_given = half.fit_resample(X, y)
    classes = np.unique(y)
    weights = compute_class_weight("balanced", classes=classes, y=y_given)
    by_hand = dict(zip(classes.tolist(), weights, strict=True))
    assert by_hand["eight"] == pytest.approx(1.5)
    assert_array_equal(probabilities(half, "balanced"), probabilities(half, by_hand))


@EACH_NET
@pytest.mark.parametrize(
    "remedy",
    [
        {"class_weight": "balanced"},
        {"class_weight": {"eight": 20.0, "other": 1.0}},
        {"batch_sampler": "balanced"},
        {"loss": "focal", "class_weight": "balanced"},
        {"loss": "focal", "batch_sampler": "balanced"},
    ],
    ids=str,
)
def test_remedies_of_the_net_find_more_of_the_rare_class(remedy, kind):
    found, balanced = recall(clone(NETS[kind]).set_params(**remedy))
    assert found > plain_recall(kind)[0] + 0.15
    assert balanced > plain_recall(kind)[1] + 0.05


def test_balanced_batches_hold_the_classes_evenly_and_all_rows_in_time():
    X, y, _, _ = rare_digit()
    batches = []

    class Watch(Callback):
        def on_batch_begin(self, net, batch, **kwargs):
            batches.append([part.detach().numpy().copy() for part in batch])

    net("mlp", batch_sampler="balanced", callbacks=[Watch()]).fit(X, y)
    # Each class takes its turn, so the halves differ by the odd row at most.
    counts = np.array([target.sum(0) for _, target in batches])
    assert np.abs(counts[:, 0] - counts[:, 1]).max() <= 1
    seen = np.unique(np.concatenate([x for x, _ in batches]), axis=0)
    assert len(seen) == len(np.unique(X, axis=0))


def test_focal_loss_leaves_easy_rows_alone():
    """It is the log loss at gamma 0, and above it less sure of what is easy."""
    X, y, X_test, _ = rare_digit()

    def mean_confidence(**loss):
        model = net("mlp", max_iter=20, numerical_embedding=None, **loss).fit(X, y)
        return model.predict_proba(X_test).max(1).mean()

    log = mean_confidence()
    assert mean_confidence(loss="focal", focal_gamma=0.0) == pytest.approx(log)
    soft = mean_confidence(loss="focal", focal_gamma=2.0)
    softer = mean_confidence(loss="focal", focal_gamma=5.0)
    assert softer < soft - 0.02 < log - 0.04


def test_named_columns_go_through_a_sampler():
    X, y, X_test, y_test = rare_cancer()
    pipeline = make_pipeline(SMOTE(random_state=0), net("mlp")).fit(X, y)
    assert_array_equal(pipeline[-1].feature_names_in_, X.columns)
    with pytest.raises(ValueError, match="feature names"):
        pipeline.predict(X_test.rename(columns={"mean area": "area"}))
    assert recall_score(y_test, pipeline.predict(X_test)) > 0.85


def test_smote_of_sparse_rows():
    X, y, X_test, _ = rare_digit()
    dense, thin = (
        make_pipeline(SMOTE(random_state=0), net("mlp")).fit(kind(X), y)
        for kind in (np.asarray, sparse.csr_array)
    )
    assert_allclose(
        thin.predict_proba(sparse.csr_array(X_test)),
        dense.predict_proba(X_test),
        atol=1e-8,
    )


def test_scaler_sampler_and_net():
    X, y, X_test, y_test = rare_cancer()
    pipeline = make_pipeline(MinMaxScaler(), ADASYN(random_state=0), net("mlp"))
    said = pipeline.fit(X, y).predict(X_test)
    assert balanced_accuracy_score(y_test, said) > 0.9


def test_three_classes_of_which_one_is_rare():
    X, y = load_wine(return_X_y=True, as_frame=True)
    names = np.array(["barolo", "grignolino", "barbera"])[y]
    kept = np.concatenate([np.flatnonzero(y != 2), np.flatnonzero(y == 2)[:8]])
    X_test, y_test = X[y == 2].iloc[8:], names[y == 2][8:]
    # With bins, the net has no trouble with them.
    plain = net("mlp", numerical_embedding=None).fit(X.iloc[kept], names[kept])
    sampled = make_pipeline(SMOTE(k_neighbors=3, random_state=0), clone(plain))
    sampled.fit(X.iloc[kept], names[kept])
    assert sampled.score(X_test, y_test) > plain.score(X_test, y_test) + 0.2
    assert list(sampled.classes_) == sorted(set(names))


def test_weights_for_rows_that_a_sampler_multiplies_are_refused():
    X, y, _, _ = rare_digit()
    pipeline = Pipeline([("sampler", RandomOverSampler()), ("net", net("mlp"))])
    with pytest.raises(ValueError, match=r"sample_weight.* \(1000,\)\. Got \(525,\)"):
        pipeline.fit(X, y, net__sample_weight=np.ones(len(X)))


def test_early_stopping_behind_a_sampler_watches_resampled_rows():
    X, y, X_test, y_test = rare_digit()
    seen = []

    def watch(estimator, X, y):
        seen.append(y)
        return balanced_accuracy_score(y, estimator.predict(X))

    stopping = net("mlp", early_stopping=True, validation_fraction=0.2, scoring=watch)
    pipeline = make_pipeline(RandomOverSampler(random_state=0), stopping).fit(X, y)
    assert len(seen) == pipeline[-1].n_iter_
    counts = np.unique(seen[0], return_counts=True)[1]
    # A copy of a row stays on the side of the row, so shares are not exact.
    assert counts.min() > 0.7 * counts.max()
    said = pipeline.predict(X_test)
    assert balanced_accuracy_score(y_test, said) > plain_recall("mlp")[1] + 0.05


def test_copies_made_by_a_sampler_do_not_leak_into_the_validation_split():
    X, y, _, _ = rare_digit()
    held_out, trained_on = [], []

    class Watch(Callback):
        def on_epoch_begin(self, net, dataset_train, dataset_valid, **kwargs):
            trained_on.append(np.asarray(dataset_train.X))
            held_out.append(np.asarray(dataset_valid.X))

    stopping = net("mlp", early_stopping=True, callbacks=[Watch()])
    make_pipeline(RandomOverSampler(random_state=0), stopping).fit(X, y)
    rows = [set(map(bytes, side[0])) for side in (trained_on, held_out)]
    assert all(rows)
    assert not rows[0] & rows[1]


def test_threshold_tuned_around_a_sampled_pipeline():
    X, y, X_test, y_test = rare_digit()
    pipeline = make_pipeline(SMOTE(random_state=0), net("mlp"))
    tuned = TunedThresholdClassifierCV(
        pipeline, scoring="balanced_accuracy", cv=3, random_state=0
    ).fit(X, y)
    assert 0 < tuned.best_threshold_ < 1
    said = tuned.predict(X_test)
    assert balanced_accuracy_score(y_test, said) > plain_recall("mlp")[1] + 0.1


def test_calibration_mends_what_a_sampler_bends():
    X, y, X_test, y_test = rare_cancer()
    pipeline = make_pipeline(RandomUnderSampler(random_state=0), net("mlp"))
    calibrated = CalibratedClassifierCV(pipeline, method="sigmoid", cv=3).fit(X, y)
    bent = pipeline.fit(X, y)
    # As rare among the rows that judge as among those that taught.
    rare = np.flatnonzero(y_test == 1)[:15]
    rows = np.concatenate([rare, np.flatnonzero(y_test == 0)[:150]])
    X_test, y_test = X_test.iloc[rows], y_test.iloc[rows]
    share = y_test.mean()
    bent_share = bent.predict_proba(X_test)[:, 1].mean()
    mended = calibrated.predict_proba(X_test)
    assert bent_share > 2 * share
    assert mended[:, 1].mean() == pytest.approx(share, abs=0.05)
    assert log_loss(y_test, mended) < log_loss(y_test, bent.predict_proba(X_test))


def test_geometric_mean_as_a_score():
    X, y, _, _ = rare_digit()
    scoring = make_scorer(geometric_mean_score, pos_label="eight", average="binary")
    plain, sampled = (
        cross_validate(model, X, y, cv=3, scoring=scoring)["test_score"].mean()
        for model in (net("mlp"), make_pipeline(SMOTE(random_state=0), net("mlp")))
    )
    assert sampled > plain + 0.1


def test_net_judges_which_rows_are_hard():
    """Under-sampling by the probabilities of a net drops the doubtful rows."""
    X, y, _, _ = rare_cancer()
    sampler = InstanceHardnessThreshold(estimator=net("mlp"), cv=3)
    X_given, y_given = sampler.fit_resample(X, y)
    assert (y_given == 1).sum() == 20
    assert 20 <= (y_given == 0).sum() < 60
    full = net("mlp", max_iter=20).fit(X, y)
    kept = full.predict_proba(X_given[y_given == 0])[:, 0]
    assert kept.mean() > full.predict_proba(X[y == 0])[:, 0].mean()


def test_folds_split_by_how_hard_a_net_finds_the_rows():
    X, y, _, _ = rare_cancer()
    folds = InstanceHardnessCV(net("mlp"), n_splits=4, pos_label=1)
    scores = cross_validate(
        net("mlp", class_weight="balanced"),
        X,
        y,
        cv=folds,
        scoring=make_scorer(
            average_precision_score, response_method="predict_proba", pos_label=1
        ),
    )["test_score"]
    assert scores.shape == (4,)
    assert scores.min() > 0.5
