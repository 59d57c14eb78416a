"""Recurrent classifier."""

from skdeep._base import BaseDeepClassifier
from skdeep._docstrings import shared_docs
from skdeep._parameters import Boolean, Number, OneOf, Sizes
from skdeep._rules import SHARED_RULES
from skdeep._validation import InputFormat
from skdeep.modules.rnn import CELLS


@shared_docs
class DeepRNNClassifier(BaseDeepClassifier):
    """Recurrent net for sequences, of equal or of different length.

    Time steps at the end of a sequence that are NaN in every feature are padding and
    never change an answer.

    Parameters
    ----------
    input_shape : tuple of int or None, default=None
        ``(timesteps, features)`` of one sequence; flat X is folded to it. Without it,
        3-D X tells its own shape, and flat X is a series of one feature. One axis may
        be -1, to be inferred.

    cell_type : {"gru", "lstm", "rnn"}, default="gru"
        Cho et al. (2014), Hochreiter and Schmidhuber (1997), Elman (1990).

    hidden_size : int, default=64
        Units of each recurrent layer, in each direction.

    n_layers : int, default=1
        Recurrent layers.

    bidirectional : bool, default=False
        Whether each layer also reads the sequence backward.

    pooling : {"last", "mean", "max", "attention"}, default="last"
        How the outputs of all time steps become a vector.

    hidden_layer_sizes : int or array-like of int, default=()
        Dense layers between that vector and the output; `activation` is theirs.

    {shared_parameters}

    Attributes
    ----------
    {shared_attributes}

    See Also
    --------
    DeepMLPClassifier : For tables.
    DeepCNNClassifier : For images and series.

    References
    ----------
    Cho et al. (2014). Learning phrase representations using RNN encoder-decoder for
    statistical machine translation. EMNLP.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skdeep import DeepRNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = DeepRNNClassifier(
    ...     input_shape=(8, 8), learning_rate="one_cycle", learning_rate_init=0.01,
    ...     max_iter=10, random_state=0,
    ... )
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> clf.fit(X_train, y_train).score(X_test, y_test) > 0.9
    True
    """

    _rules = {
        **SHARED_RULES,
        "input_shape": [Sizes(length=(2,), scalar=False, inferred=True), OneOf(None)],
        "cell_type": [OneOf(*CELLS)],
        "hidden_size": [Number(1, integer=True)],
        "n_layers": [Number(1, integer=True)],
        "bidirectional": [Boolean()],
        "pooling": [OneOf("last", "mean", "max", "attention")],
        "hidden_layer_sizes": [Sizes()],
    }
    _input_format = InputFormat(n_axes=(2,), padded=True)
    _module_name = "RNN"

    def __init__(
        self,
        *,
        input_shape=None,
        cell_type="gru",
        hidden_size=64,
        n_layers=1,
        bidirectional=False,
        pooling="last",
        hidden_layer_sizes=(),
        activation="relu",
        solver="adam",
        alpha=0.0001,
        l1_ratio=0.0,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        loss="log_loss",
        focal_gamma=2.0,
        label_smoothing=0.0,
        class_weight=None,
        batch_sampler=None,
        dropout=0.0,
        normalization=None,
        gradient_clip=None,
        standardize=True,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        scoring=None,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        n_members=1,
        device="auto",
        dtype="auto",
        mixed_precision=False,
        callbacks=None,
    ):
        self.input_shape = input_shape
        self.cell_type = cell_type
        self.hidden_size = hidden_size
        self.n_layers = n_layers
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.hidden_layer_sizes = hidden_layer_sizes
        super().__init__(
            activation=activation,
            solver=solver,
            alpha=alpha,
            l1_ratio=l1_ratio,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            loss=loss,
            focal_gamma=focal_gamma,
            label_smoothing=label_smoothing,
            class_weight=class_weight,
            batch_sampler=batch_sampler,
            dropout=dropout,
            normalization=normalization,
            gradient_clip=gradient_clip,
            standardize=standardize,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            scoring=scoring,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            n_members=n_members,
            device=device,
            dtype=dtype,
            mixed_precision=mixed_precision,
            callbacks=callbacks,
        )

    def _default_shape(self, n_features):
        return (n_features, 1)

    def _module_config(self, input_shape, n_outputs):
        return {
            **super()._module_config(input_shape, n_outputs),
            "cell_type": self.cell_type,
            "hidden_size": int(self.hidden_size),
            "n_layers": int(self.n_layers),
            "bidirectional": bool(self.bidirectional),
            "pooling": self.pooling,
        }
