"""What a classifier is judged by."""

import time

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

SMALLER_IS_BETTER = {"log_loss", "brier", "calibration_error", "fit_seconds"}


def measure(clf, split):
    """Fit, and judge by the test part; classes are 0, 1, ...

    Returns
    -------
    run : dict
        The area under the ROC curve is the mean over the classes of the test part,
        each against the rest. The average precision is that of its rarest class. The
        seconds are those of the processor, in ``fit``.
    """
    start = time.process_time()
    clf.fit(split.X_train, split.y_train)
    seconds = time.process_time() - start
    y, said = split.y_test, clf.predict(split.X_test)
    classes = range(max(split.y_train.max(), y.max()) + 1)
    # Few rows may lack a class.
    p = np.zeros((len(y), len(classes)))
    p[:, clf.classes_] = clf.predict_proba(split.X_test)
    counts = np.bincount(split.y_train, minlength=len(classes))
    present = [code for code in classes if (y == code).any()]
    areas = [roc_auc_score(y == code, p[:, code]) for code in present]
    rare = min(present, key=lambda code: counts[code])
    return {
        "accuracy": float(accuracy_score(y, said)),
        "balanced_accuracy": float(balanced_accuracy_score(y, said)),
        "auc": float(np.mean(areas)),
        "average_precision": float(average_precision_score(y == rare, p[:, rare])),
        "log_loss": float(log_loss(y, p, labels=classes)),
        "brier": float(brier_score_loss(y, p, labels=classes, scale_by_half=False)),
        "calibration_error": expected_calibration_error(y, p),
        "fit_seconds": round(seconds, 2),
    }


def expected_calibration_error(y, p, n_bins=15):
    """Gap between confidence and accuracy, in bins of equal width (Guo et al., 2017).

    Parameters
    ----------
    y : array of shape (n_samples,)
        Classes 0, 1, ...

    p : array of shape (n_samples, n_classes)
        Probabilities.

    n_bins : int

    Returns
    -------
    error : float
        Mean over the samples of the gap in the bin of their top probability.
    """
    confidence, right = p.max(1), p.argmax(1) == y
    # The first bin is closed on both sides, the others on the right.
    place = np.clip(np.ceil(confidence * n_bins) - 1, 0, n_bins - 1).astype(int)
    gaps = np.bincount(place, right - confidence, n_bins)
    return float(np.abs(gaps).sum() / len(y))
