"""Recurrent classifier."""

from skdeep._base import BaseDeepClassifier
from skdeep._batches import even_size
from skdeep._docstrings import shared_docs
from skdeep._parameters import Boolean, Number, OneOf, Sizes, as_sizes
from skdeep._rules import SHARED_RULES
from skdeep._validation import InputFormat
from skdeep.modules.rnn import CELLS

# Recurrent layers forget over many more steps, and take long to read them.
_MOST_STEPS = 100
# What "auto" means for series, and for tokens.
_AUTO = {
    "architecture": ("lstm_fcn", "recurrent"),
    "bidirectional": (False, True),
    "pooling": ("last", "max"),
}
# What "auto" means for `batch_size`.
_SMALLEST_BATCH, _LARGEST_BATCH = 32, 64


@shared_docs
class DeepRNNClassifier(BaseDeepClassifier):
    """Recurrent net for sequences, of equal or of different length.

    Time steps at the end of a sequence that are NaN in every feature, or tokens that
    are 0, are padding and never change an answer.

    Parameters
    ----------
    input_type : {"numeric", "tokens"}, default="numeric"
        What a sequence is made of: features, or codes of tokens, as
        :class:`skdeep.preprocessing.SequenceTokenizer` makes them of text. X of tokens
        is flat, (n_samples, timesteps), and holds non-negative integers: 0 is padding,
        1 is the unknown token. The largest code that the first ``fit`` sees ends the
        vocabulary; codes beyond it are unknown. When predicting, a 0 before another
        token is an unknown one too, so that explainers can blank tokens out.

    input_shape : tuple of int or None, default=None
        ``(timesteps, features)`` of one sequence; flat X is folded to it. Without it,
        3-D X tells its own shape, and flat X is a series of one feature. One axis may
        be -1, to be inferred. None with tokens.

    embedding_dim : int, default=64
        Size of the learned vector of a token.

    architecture : {"auto", "recurrent", "lstm_fcn"}, default="auto"
        Recurrent layers alone, or beside three convolutions of width 8, 5 and 3 whose
        outputs are pooled and joined to theirs (Karim et al., 2018). As published, the
        recurrent layers read a series of one feature in a single step; here, in steps
        of `patch_size`. "auto" is "recurrent" for tokens and "lstm_fcn" for series.

    patch_size : int or "auto", default="auto"
        Successive steps that are read as one (Nie et al., 2023). "auto" is 1 for
        tokens, and for series the least that leaves no more than 100 steps.

    n_filters : array-like of int, default=(64, 64, 64)
        Filters of the three convolutions of "lstm_fcn".

    cell_type : {"gru", "lstm", "rnn"}, default="lstm"
        Cho et al. (2014), Hochreiter and Schmidhuber (1997), Elman (1990).

    hidden_size : int, default=64
        Units of each recurrent layer, in each direction.

    n_layers : int, default=1
        Recurrent layers.

    bidirectional : bool or "auto", default="auto"
        Whether each layer also reads the sequence backward. "auto" does so for tokens.

    pooling : {"auto", "last", "mean", "max", "attention"}, default="auto"
        How the outputs of all time steps become a vector. For convolutions, "last" is
        "mean". "auto" is "max" for tokens and "last" for series.

    hidden_layer_sizes : int or array-like of int, default=()
        Dense layers between that vector and the output; `activation` is theirs and the
        convolutions'.

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

    Karim, Majumdar, Darabi and Chen (2018). LSTM fully convolutional networks for time
    series classification. IEEE Access 6.

    Nie, Nguyen, Sinthong and Kalagnanam (2023). A time series is worth 64 words:
    long-term forecasting with transformers. ICLR.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skdeep import DeepRNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = DeepRNNClassifier(input_shape=(8, 8), max_iter=5, random_state=0)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> clf.fit(X_train, y_train).score(X_test, y_test) > 0.9
    True

    Text, through a tokenizer:

    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeep.preprocessing import SequenceTokenizer
    >>> texts = ["good", "not good", "not bad", "bad", "very good", "very bad"] * 5
    >>> y = ["+", "-", "+", "-", "+", "-"] * 5
    >>> clf = DeepRNNClassifier(input_type="tokens", random_state=0)
    >>> model = make_pipeline(SequenceTokenizer(), clf).fit(texts, y)
    >>> model.predict(["not very good", "not bad"]).tolist()
    ['-', '+']
    """

    _rules = {
        **SHARED_RULES,
        "standardize": [*SHARED_RULES["standardize"], OneOf("auto", "sample")],
        "input_type": [OneOf("numeric", "tokens")],
        "input_shape": [Sizes(length=(2,), scalar=False, inferred=True), OneOf(None)],
        "embedding_dim": [Number(1, integer=True)],
        "architecture": [OneOf("auto", "recurrent", "lstm_fcn")],
        "patch_size": [Number(1, integer=True), OneOf("auto")],
        "n_filters": [Sizes(length=(3,), scalar=False)],
        "cell_type": [OneOf(*CELLS)],
        "hidden_size": [Number(1, integer=True)],
        "n_layers": [Number(1, integer=True)],
        "bidirectional": [Boolean(), OneOf("auto")],
        "pooling": [OneOf("auto", "last", "mean", "max", "attention")],
        "hidden_layer_sizes": [Sizes()],
        "normalization": [OneOf("auto", "batch", "layer", None)],
    }
    _auto_epochs = (600, 8, 300)
    _module_name = "RNN"

    def __init__(
        self,
        *,
        input_type="numeric",
        input_shape=None,
        embedding_dim=64,
        architecture="auto",
        patch_size="auto",
        n_filters=(64, 64, 64),
        cell_type="lstm",
        hidden_size=64,
        n_layers=1,
        bidirectional="auto",
        pooling="auto",
        hidden_layer_sizes=(),
        activation="relu",
        solver="adam",
        alpha=0.0001,
        l1_ratio=0.0,
        batch_size="auto",
        learning_rate="one_cycle",
        learning_rate_init=0.01,
        power_t=0.5,
        max_iter="auto",
        loss="log_loss",
        focal_gamma=2.0,
        label_smoothing=0.0,
        class_weight=None,
        batch_sampler=None,
        dropout=0.0,
        normalization="auto",
        gradient_clip=None,
        standardize="auto",
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
        self.input_type = input_type
        self.input_shape = input_shape
        self.embedding_dim = embedding_dim
        self.architecture = architecture
        self.patch_size = patch_size
        self.n_filters = n_filters
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

    @property
    def _input_format(self):
        if self.input_type == "tokens":
            return InputFormat(tokens=True)
        return InputFormat(n_axes=(2,), padded=True)

    def _default_shape(self, n_features):
        return (n_features,) if self.input_type == "tokens" else (n_features, 1)

    def _auto_batch_size(self, n_samples):
        if n_samples <= _LARGEST_BATCH:
            return n_samples
        return even_size(n_samples, _SMALLEST_BATCH, _LARGEST_BATCH)

    def _choose(self, name):
        value = getattr(self, name)
        return _AUTO[name][self.input_type == "tokens"] if value == "auto" else value

    def _module_config(self, input_shape, n_outputs, multilabel, member):
        config = super()._module_config(input_shape, n_outputs, multilabel, member)
        tokens, patch_size = self.input_type == "tokens", self.patch_size
        if patch_size == "auto":
            patch_size = 1 if tokens else -(-input_shape[0] // _MOST_STEPS)
        return {
            **config,
            "standardize": False if tokens else config["standardize"],
            "architecture": self._choose("architecture"),
            "vocabulary_size": None,
            "embedding_dim": int(self.embedding_dim),
            "patch_size": int(patch_size),
            "cell_type": self.cell_type,
            "hidden_size": int(self.hidden_size),
            "n_layers": int(self.n_layers),
            "bidirectional": bool(self._choose("bidirectional")),
            "pooling": self._choose("pooling"),
            "n_filters": as_sizes(self.n_filters),
        }
