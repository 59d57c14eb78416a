"""Numbers about the answers of a net."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import (
    balanced_accuracy_score,
    classification_report,
    f1_score,
    log_loss,
    roc_auc_score,
)
from sklearn.metrics import confusion_matrix as count_confusions

from skdeep._validation import encode_targets

N_BINS = 15
# Quantile of the normal distribution for an interval of 95 %.
_Z = 1.96


class Answers(NamedTuple):
    """True and predicted classes.

    Attributes
    ----------
    names : list of str
        Of the classes.

    codes, predicted : ndarray of shape (n_samples,) or (n_samples, n_labels)
        Positions of the true and of the predicted class, or indicators of labels.

    probabilities : ndarray of shape (n_samples, n_classes)
    """

    names: list
    codes: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray

    @property
    def multilabel(self):
        """Whether a sample may have several labels, or none."""
        return self.codes.ndim == 2

    @property
    def right(self):
        """Whether all of a sample's labels are right, ndarray of bool."""
        equal = self.codes == self.predicted
        return equal.all(axis=1) if self.multilabel else equal

    @property
    def confidence(self):
        """Probability of each answer; of several labels, that of the least sure."""
        p = self.probabilities
        return np.maximum(p, 1 - p).min(axis=1) if self.multilabel else p.max(axis=1)

    def told(self, codes, i):
        """Name the class, or the labels, of sample `i`."""
        if not self.multilabel:
            return self.names[codes[i]]
        labels = [name for name, has in zip(self.names, codes[i], strict=True) if has]
        return " + ".join(labels) or "none"


def ask(estimator, net, X, y):
    """Answers of `estimator`, a net or a pipeline that ends in it."""
    targets = encode_targets(y, net.classes_)
    if targets.multilabel != net._multilabel:
        kind = "a matrix of labels" if net._multilabel else "one class for each sample"
        raise ValueError(f"`y` must be {kind}. Got shape {np.shape(y)}.")
    probabilities = estimator.predict_proba(X)
    predicted = probabilities > 0.5 if net._multilabel else probabilities.argmax(axis=1)
    return Answers(net.output_names, targets.codes, predicted, probabilities)


def metrics(answers):
    """Name, value and meaning of each metric, a list."""
    codes, predicted, p = answers.codes, answers.predicted, answers.probabilities
    right, n = answers.right.mean(), len(codes)
    low, high = _interval(right, n)
    told = f"share of right answers; 95 % interval {low:.3f} to {high:.3f}"
    rows = [("Accuracy", right, told)]
    counts = codes.sum(axis=0) if answers.multilabel else np.bincount(codes)
    if not answers.multilabel:
        always = counts.max() / n
        rows.append(("Largest class", always, "accuracy of always answering it"))
        # Recall isn't defined for a class that is never true.
        known = set(predicted.tolist()) <= set(codes.tolist())
        balanced = balanced_accuracy_score(codes, predicted) if known else None
        rows.append(("Balanced accuracy", balanced, "mean recall of the classes"))
    f1 = f1_score(codes, predicted, average="macro", zero_division=0.0)
    rows.append(("Macro F1", f1, "mean over the classes of precision against recall"))
    rows.append(("ROC AUC", _area(answers), "how well probabilities rank the classes"))
    loss = (
        log_loss(codes, p, labels=range(p.shape[1]))
        if not answers.multilabel
        else (-np.where(codes, np.log(p), np.log1p(-p)).mean())
    )
    rows.append(("Log-loss", loss, "surprise at the true class; 0 is best"))
    gap = reliability(answers).error
    rows.append(("Calibration error", gap, "gap of confidence and accuracy; 0 is best"))
    return [row for row in rows if row[1] is not None]


def _interval(share, n):
    """Wilson's interval (1927) of a share."""
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    spread = share * (1 - share) / n + _Z**2 / (4 * n**2)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(spread)
    return centre - half, centre + half


def _area(answers):
    codes, p = answers.codes, answers.probabilities
    if answers.multilabel:
        both = codes.any(axis=0) & ~codes.all(axis=0)
        return roc_auc_score(codes, p, average="macro") if both.all() else None
    if len(np.unique(codes)) < p.shape[1]:
        return None
    if p.shape[1] == 2:
        return roc_auc_score(codes, p[:, 1])
    return roc_auc_score(codes, p, multi_class="ovr")


def by_class(answers):
    """Name, samples, precision, recall and F1 of each class, a list."""
    told = classification_report(
        answers.codes,
        answers.predicted,
        labels=range(len(answers.names)),
        target_names=[str(i) for i in range(len(answers.names))],
        output_dict=True,
        zero_division=0.0,
    )
    rows = []
    for i, name in enumerate(answers.names):
        of_class = told[str(i)]
        scores = [of_class[score] for score in ("precision", "recall", "f1-score")]
        rows.append((name, int(of_class["support"]), *scores))
    return rows


def confusions(answers):
    """Matrix of counts, true classes in rows; None for several labels."""
    if answers.multilabel:
        return None
    labels = range(len(answers.names))
    return count_confusions(answers.codes, answers.predicted, labels=labels)


class Reliability(NamedTuple):
    """How often answers of like confidence are right.

    Attributes
    ----------
    confidence, accuracy : ndarray of shape (N_BINS,)
        Means over the samples in each bin; NaN where there are none.

    counts : ndarray of shape (N_BINS,)

    error : float
        Expected calibration error (Guo et al., 2017): the mean over the samples of
        the gap of their bin.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray
    error: float


def reliability(answers):
    """Compare confidence with accuracy, in bins of equal width.

    Of several labels, each is an answer of its own.
    """
    p = answers.probabilities
    if answers.multilabel:
        confidence = np.maximum(p, 1 - p).ravel()
        right = (answers.codes == answers.predicted).ravel()
    else:
        confidence, right = answers.confidence, answers.right
    place = np.clip(np.ceil(confidence * N_BINS) - 1, 0, N_BINS - 1).astype(int)
    counts, sure, correct = (
        np.bincount(place, weights, N_BINS) for weights in (None, confidence, right)
    )
    error = float(np.abs(correct - sure).sum() / len(confidence))
    filled = np.where(counts, counts, np.nan)
    return Reliability(sure / filled, correct / filled, counts, error)


def choose_cases(answers, n_cases):
    """Samples that are worth a look.

    Returns
    -------
    wrong, right : list of int
        The most confident mistakes, and the most confident right answer of each class.
    """
    order = np.argsort(-answers.confidence, kind="stable")
    is_right = answers.right[order]
    wrong = order[~is_right][:n_cases].tolist()
    of_class = {}
    for i in order[is_right].tolist():
        of_class.setdefault(answers.told(answers.codes, i), i)
    return wrong, list(of_class.values())[:n_cases]
