"""LIME of tables, series, images and texts."""

from skdeep._fitting import for_encoded
from skdeep.inspection._extras import extra
from skdeep.inspection._lime.asked import Asked
from skdeep.inspection._lime.codes import read_table
from skdeep.inspection._subject import take_apart


def lime_explanation(
    estimator,
    sample,
    X=None,
    *,
    target=None,
    n_features=None,
    n_samples=None,
    discretize=True,
    segments=None,
    baseline=None,
    random_state=None,
):
    """Explain one answer by a linear model that holds around it.

    LIME (Ribeiro, Singh and Guestrin, 2016) changes the sample at random, asks the
    net, and fits a linear model to its answers, weighted by their nearness. lime does
    that; this function gives it frames and rows of frames, categories, gray images, and
    series in the order in which the net reads them. Weights are of the probability of
    the class.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier, or a Pipeline that ends in one.

    sample : array-like, Series, data frame of one row, or str
        What is explained. A text needs a Pipeline that takes texts.

    X : array-like of shape (n_samples, ...), default=None
        Training data, whose distribution tells how tables and series may change.
        Images and texts need none.

    target : label, default=None
        Class that is explained; None is the predicted one. Of several labels, the
        position of one; None is the most probable one.

    n_features : int, default=None
        Most features in the linear model; None is all.

    n_samples : int, default=None
        Changed samples; None is 5000, and 1000 for images.

    discretize : bool, default=True
        Whether numbers of tables and series are told by their quartiles, as lime does
        by default, or by their value.

    segments : ndarray of int, default=None
        For images, the number of the segment that each pixel belongs to, as the
        functions of skimage.segmentation find them; None are at most 8 x 8 tiles.
        Each segment is shown or hidden as a whole.

    baseline : float or array-like of shape (n_channels,), default=None
        What hides a segment; None is the mean of each channel of the image.

    random_state : int, RandomState instance or None, default=None
        Of the changes; an int makes calls repeatable.

    Returns
    -------
    explanation : Bunch
        With ``attributions``, the weights of the linear model, of the shape of
        `sample` with a first axis of length one (of a text, one for each of its
        ``feature_names``); ``target``; ``base_values``, the intercept; ``score``, the
        weighted R2 of the linear model; ``explanation``, lime's own object; and what
        the other functions of this package return too.

    References
    ----------
    Ribeiro, Singh and Guestrin (2016). "Why should I trust you?" Explaining the
    predictions of any classifier. KDD.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdeep import DeepMLPClassifier
    >>> from skdeep.inspection import lime_explanation
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> clf = DeepMLPClassifier(max_iter=5, random_state=0).fit(X, y)
    >>> result = lime_explanation(clf, X.iloc[0], X, n_samples=500, random_state=0)
    >>> result.attributions.shape
    (1, 13)
    """
    extra("lime")
    from skdeep.inspection._lime.images import explain_image
    from skdeep.inspection._lime.tables import explain_table
    from skdeep.inspection._lime.texts import explain_text

    steps, net = take_apart(estimator)
    options = {"n_features": n_features, "random_state": random_state}
    if isinstance(sample, str):
        asked = Asked(net, estimator.predict_proba, target)
        return explain_text(asked, sample, n_samples=n_samples or 5000, **options)
    if not steps and len(net._fold.shape) == 3:
        asked = Asked(net, for_encoded(net).predict_proba, target)
        options["n_samples"] = n_samples or 1000
        return explain_image(
            asked, sample, segments=segments, baseline=baseline, **options
        )
    if X is None:
        raise ValueError(
            "`X` must be the training data for tables and series. Got None."
        )
    table = read_table(estimator, net, steps, X)
    asked = Asked(net, table.predict, target)
    options["n_samples"] = n_samples or 5000
    return explain_table(asked, table, sample, X, discretize=discretize, **options)
