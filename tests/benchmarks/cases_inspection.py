"""Permutation importance beside scikit-learn's, of the same net."""

from measuring import Case
from sklearn import inspection
from sklearn.datasets import load_breast_cancer, load_digits

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier
from skdeep.inspection import permutation_importance

# A fifth of scikit-learn's time; of other scores its own functions take the most.
_BAR = {"scikit-learn": 0.2}
_BARS = {"accuracy": _BAR, "neg_log_loss": _BAR, "roc_auc_ovr": {}}


def importance():
    table = load_breast_cancer(return_X_y=True)
    X, y = load_digits(return_X_y=True)
    # Every fourth digit: forward passes of a CNN take long.
    images = X[::4], y[::4]
    settings = {"max_iter": 5, "random_state": 0}
    cnn = DeepCNNClassifier(input_shape=(1, 8, 8), **settings)
    rnn = DeepRNNClassifier(input_shape=(8, 8), **settings)
    without_bins = DeepMLPClassifier(numerical_embedding=None, **settings)
    for name, net, data in (
        ("MLP, 30 columns", DeepMLPClassifier(**settings), table),
        ("MLP without bins, 30 columns", without_bins, table),
        ("CNN, 64 pixels", cnn, images),
        ("RNN, 64 values", rnn, images),
    ):
        net.fit(*data)
        for scoring, bars in _BARS.items():
            if scoring == "roc_auc_ovr" and data is images:
                continue
            contestants = {
                "skdeep": _run(permutation_importance, net, data, scoring),
                "scikit-learn": _run(
                    inspection.permutation_importance, net, data, scoring
                ),
            }
            title = f"permutation importance, {name} x 5, {scoring}"
            yield Case(title, contestants, bars)


def _run(function, net, data, scoring):
    return lambda: function(net, *data, scoring=scoring, n_repeats=5, random_state=0)
