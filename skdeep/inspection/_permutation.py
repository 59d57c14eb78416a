"""Permutation importance: what a score loses when a part of X is shuffled."""

import copy
from numbers import Integral

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils import Bunch, check_consistent_length, check_random_state

from skdeep._inference import most_probable, probabilities
from skdeep.inspection._exchange import Exchange, as_dense, exchange
from skdeep.inspection._groups import column_names, find_groups, layout
from skdeep.inspection._subject import take_apart, transform


def permutation_importance(
    estimator,
    X,
    y,
    *,
    scoring=None,
    groups="feature",
    patch_size=None,
    n_repeats=5,
    random_state=None,
    sample_weight=None,
):
    """How much a score drops when a part of X is shuffled among the samples.

    What :func:`sklearn.inspection.permutation_importance` computes (Breiman, 2001;
    Fisher, Rudin and Dominici, 2019), and for flat X with the same `random_state` its
    very numbers, but several times faster, for samples with several axes too, and for
    groups of columns that are shuffled together. Columns that say the same vouch for
    each other and seem unimportant one by one; in a group they don't.

    Each row is asked once for each value that it gets. Dense nets only recompute what
    the shuffled columns add to their first layer; behind it, and behind the input
    statistics of the other nets, float32 is used.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier, or a Pipeline that ends in one: then the columns of the
        pipeline's input are shuffled.

    X : array-like of shape (n_samples, n_features) or (n_samples, ...)
        Samples, best ones that were not trained on.

    y : array-like of shape (n_samples,) or (n_samples, n_labels)
        Their targets.

    scoring : str or callable, default=None
        As in scikit-learn; None is accuracy.

    groups : {"feature", "time_step", "channel", "patch"}, list or dict, \
default="feature"
        What is shuffled together: each column alone, all channels of a time step, all
        places of a channel, or a tile of an image or window of a series over all
        channels. Or the groups themselves: a list whose items are a column or several,
        or a dict of names and such items, where columns are flat positions within a
        sample, or names of the columns of a frame.

    patch_size : int or tuple of int, default=None
        Height and width of a tile, or length of a window, for "patch".

    n_repeats : int, default=5
        How often each group is shuffled.

    random_state : int, RandomState instance or None, default=None
        Where the order of the samples comes from.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights for the score.

    Returns
    -------
    importances : Bunch
        With ``importances``, ndarray of shape (n_groups, n_repeats), their
        ``importances_mean`` and ``importances_std`` over the repeats, ``group_names``,
        ndarray of str, and ``groups``, a list of the flat positions of each group.

    See Also
    --------
    sklearn.inspection.permutation_importance : For any estimator.

    References
    ----------
    Breiman (2001). Random forests. Machine Learning 45.

    Fisher, Rudin and Dominici (2019). All models are wrong, but many are useful:
    learning a variable's importance by studying an entire class of prediction models
    simultaneously. Journal of Machine Learning Research 20.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdeep import DeepMLPClassifier
    >>> from skdeep.inspection import permutation_importance
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> clf = DeepMLPClassifier(max_iter=5, random_state=0).fit(X, y)
    >>> result = permutation_importance(clf, X, y, random_state=0)
    >>> str(result.group_names[result.importances_mean.argmax()])
    'proline'
    """
    if not (isinstance(n_repeats, Integral) and n_repeats > 0):
        raise ValueError(f"`n_repeats` must be a positive integer. Got {n_repeats!r}.")
    check_consistent_length(X, y, sample_weight)
    steps, net = take_apart(estimator)
    X = as_dense(X)
    places = layout(net, steps, X)
    found = find_groups(groups, *places, column_names(X), patch_size)
    score = _Score(estimator, steps, net, scoring, X, y, sample_weight)
    ask, orders = Exchange(net, steps, X), _orders(random_state, len(X), n_repeats)

    before = score(np.arange(0), np.arange(len(X))[np.newaxis], ask.unchanged[None])
    # Each change of the threads takes some 60 us, which groups of few rows would feel.
    with ask.answer.threads():
        importances = np.stack(
            [before - score(part, orders, ask(part, orders)) for part in found.values()]
        )
    return Bunch(
        importances=importances,
        importances_mean=importances.mean(axis=1),
        importances_std=importances.std(axis=1),
        group_names=np.array(list(found)),
        groups=list(found.values()),
    )


def _orders(random_state, n_samples, n_repeats):
    """The orders in which scikit-learn shuffles each column."""
    # It draws one seed for all columns, and shuffles what is shuffled already.
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max + 1)
    random_state = check_random_state(seed)
    step, orders = np.arange(n_samples), [np.arange(n_samples)]
    for _ in range(n_repeats):
        random_state.shuffle(step)
        orders.append(orders[-1][step])
    return np.stack(orders[1:])


class _Score:
    """Scores of given logits.

    Accuracy and log-loss are computed for all orders at once. For anything else the
    scorer meets a copy of the net that knows the answer for the X it is shown.
    """

    def __init__(self, estimator, steps, net, scoring, X, y, sample_weight):
        if not (scoring is None or isinstance(scoring, str) or callable(scoring)):
            raise ValueError(f"`scoring` must be one scorer. Got {scoring!r}.")
        self.scorer = check_scoring(estimator, scoring)
        self.net, self.steps = net, steps
        self.X, self.y, self.weight = X, y, sample_weight
        self.at_once = None
        if not callable(scoring) and np.ndim(y) == 1:
            self.at_once = _AT_ONCE.get(scoring)
        if self.at_once is _neg_log_loss and not np.array_equal(
            np.unique(y), net.classes_
        ):
            # The scorer knows what to say to that.
            self.at_once = None
        self.knowing = copy.copy(net) if self.at_once is None else None

    def __call__(self, columns, orders, logits):
        """Scores, one for each order."""
        if self.at_once is not None:
            return self.at_once(self.net, logits, np.asarray(self.y), self.weight)
        rows = np.arange(orders.shape[1])
        pairs = zip(orders, logits, strict=True)
        return np.array(
            [self._score(exchange(self.X, columns, rows, o), part) for o, part in pairs]
        )

    def _score(self, X, logits):
        def answer(asked):
            if asked is X:
                return logits
            return self.net._logits(transform(self.steps, asked))

        self.knowing._logits = answer
        weight = {} if self.weight is None else {"sample_weight": self.weight}
        return self.scorer(self.knowing, X, self.y, **weight)


def _accuracy(net, logits, y, sample_weight):
    codes = most_probable(logits.reshape(-1, logits.shape[-1]), multilabel=False)
    right = net.classes_[codes].reshape(logits.shape[:-1]) == y
    return np.average(right, axis=1, weights=sample_weight)


def _neg_log_loss(net, logits, y, sample_weight):
    p = probabilities(logits.reshape(-1, logits.shape[-1]), multilabel=False)
    p = p.reshape(logits.shape)[:, np.arange(len(y)), np.searchsorted(net.classes_, y)]
    tiny = np.finfo(p.dtype).eps
    return np.average(np.log(p.clip(tiny, 1 - tiny)), axis=1, weights=sample_weight)


_AT_ONCE = {None: _accuracy, "accuracy": _accuracy, "neg_log_loss": _neg_log_loss}
