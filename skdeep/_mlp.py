"""Multi-layer perceptron classifier."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdeep._base import BaseDeepClassifier
from skdeep._docstrings import shared_docs
from skdeep._effort import Findings, cool, try_efforts
from skdeep._fitting import for_encoded
from skdeep._members import count_members, modules_of
from skdeep._parameters import Boolean, Features, OneOf, Sizes, as_sizes
from skdeep._rules import SHARED_RULES
from skdeep._validation import InputFormat

# What "auto" means, in layers that can spare units.
_DROPOUT, _WIDE = 0.3, 64
# Weight decay times the bits that all labels hold, and its limit. Labels that tell
# little, of two classes or of a rare one, are outlearned sooner.
_DECAY, _MOST_DECAY = 3000.0, 1.0
# Fewer nets gain less, a fourth one hardly anything.
_MEMBERS = 3


@shared_docs
class DeepMLPClassifier(BaseDeepClassifier):
    """Multi-layer perceptron for tables.

    Takes the parameters of :class:`sklearn.neural_network.MLPClassifier` and more.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(128, 128)
        Units of each hidden layer.

    {shared_parameters}

    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which features hold categories rather than numbers: their names in a data
        frame, their positions, or a mask of booleans. "from_dtype" takes all columns
        of a data frame (pandas, polars) that aren't numbers or booleans, and none of
        an array. Few categories become a column each, more get learned vectors of
        length 8. Categories that training didn't see are as good as missing.

    numerical_embedding : {"piecewise_linear", "periodic"} or None, \
default="piecewise_linear"
        What the net sees of a number besides itself.

        - "piecewise_linear" cuts its range into at most 16 bins that hold equal shares
          of the training data, and adds one input for each: 0 below the bin, 1 above,
          linear in between (Gorishniy, Rubachev and Babenko, 2022). Steps and bends are
          then within easy reach.
        - "periodic" adds three inputs more, each a sum of 16 waves whose frequencies,
          phases and heights are learned (PBLD: Holzmueller, Grinsztajn and Steinwart,
          2024). Bins remain: waves beside them added .3 points of accuracy on 19
          tables, in 2.2 times the time; waves in their place added none on 12.

        Features of two values need none; tables of more than 64 features get fewer
        bins, and those of more than 512 features get neither bins nor waves.

    shared_dropout : bool, default=True
        Whether all samples of a batch lose the same units, or each one units of its
        own. Shared ones take less time, and let sample weights act exactly as
        repetitions do.

    input_dropout : float or "auto", default="auto"
        Probability with which a column of what the first layer gets (a number, a bin, a
        category) is dropped from a whole training batch. It keeps nets from learning
        rows with noisy labels by heart, and from relying on few columns. "auto" is 0,
        if trials don't say otherwise: see `dropout`.

    shared_weights : bool, default=False
        Whether the `n_members` nets have their hidden layers in common (Gorishniy,
        Kotelnikov and Babenko, 2025). Each one has scales of its own for what enters
        the first layer, which start as random signs, and an output layer of its own.
        It is one net, smaller than independent ones, and as good on tables.

    Attributes
    ----------
    coefs_ : list of ndarray of shape (n_in, n_out)
        Copies of the weights of each layer; of shape (n_members, n_in, n_out) if
        there are several nets that don't share them.

    intercepts_ : list of ndarray of shape (n_out,)
        Copies of the biases of each layer; of shape (n_members, n_out) if there are
        several nets that don't share them.

    n_layers_ : int
        Number of layers, input and output included.

    is_categorical_ : ndarray of shape (n_features,) or None
        Mask of the features that hold categories; None if there are none.

    {shared_attributes}

    See Also
    --------
    DeepCNNClassifier : For images and series.
    DeepRNNClassifier : For sequences.

    References
    ----------
    Gorishniy, Kotelnikov and Babenko (2025). TabM: advancing tabular deep learning with
    parameter-efficient ensembling. ICLR.

    Gorishniy, Rubachev and Babenko (2022). On embeddings for numerical features in
    tabular deep learning. NeurIPS.

    Holzmueller, Grinsztajn and Steinwart (2024). Better by default: strong pre-tuned
    MLPs and boosted trees on tabular data. NeurIPS.

    Radhakrishnan, Beaglehole, Pandit and Belkin (2024). Mechanism for feature learning
    in neural networks and backpropagation-free machine learning models. Science 383.

    Rumelhart, Hinton and Williams (1986). Learning representations by
    back-propagating errors. Nature 323.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import train_test_split
    >>> from skdeep import DeepMLPClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     X, y, stratify=y, random_state=0
    ... )
    >>> clf = DeepMLPClassifier(
    ...     (64, 64), learning_rate="cosine", max_iter=30, random_state=0
    ... )
    >>> clf.fit(X_train, y_train).score(X_test, y_test) > 0.9
    True
    """

    _rules = {
        **SHARED_RULES,
        "hidden_layer_sizes": [Sizes()],
        "alpha": [*SHARED_RULES["alpha"], OneOf("auto")],
        "n_members": [*SHARED_RULES["n_members"], OneOf("auto")],
        "dropout": [OneOf("auto"), *SHARED_RULES["dropout"]],
        "shared_dropout": [Boolean()],
        "input_dropout": [OneOf("auto"), *SHARED_RULES["dropout"]],
        "shared_weights": [Boolean()],
        "numerical_embedding": [OneOf("piecewise_linear", "periodic", None)],
        "standardize": [*SHARED_RULES["standardize"], OneOf("robust")],
        "categorical_features": [OneOf("from_dtype", None), Features()],
    }
    _input_format = InputFormat(sparse=True, table=True)
    _auto_epochs = (3000, 15, 60)
    _found = Findings()

    def __init__(
        self,
        hidden_layer_sizes=(128, 128),
        activation="relu",
        *,
        solver="adamw",
        alpha="auto",
        l1_ratio=0.0,
        batch_size="auto",
        learning_rate="one_cycle",
        learning_rate_init=0.003,
        power_t=0.5,
        max_iter="auto",
        loss="log_loss",
        focal_gamma=2.0,
        label_smoothing=0.0,
        class_weight=None,
        batch_sampler=None,
        dropout="auto",
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
        n_members="auto",
        device="auto",
        dtype="auto",
        mixed_precision=False,
        callbacks=None,
        categorical_features="from_dtype",
        numerical_embedding="piecewise_linear",
        shared_dropout=True,
        input_dropout="auto",
        shared_weights=False,
    ):
        self.shared_weights = shared_weights
        self.shared_dropout = shared_dropout
        self.input_dropout = input_dropout
        self.numerical_embedding = numerical_embedding
        self.hidden_layer_sizes = hidden_layer_sizes
        self.categorical_features = categorical_features
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
        return (n_features,)

    def _count_members(self, input_shape=None):
        if self.n_members != "auto":
            return self.n_members
        # Only training that goes on comes here unsettled.
        return count_members(self.module_)

    @property
    def _is_shared(self):
        return self.shared_weights and self._count_members() > 1

    def _count_modules(self, input_shape):
        return 1 if self._is_shared else self._count_members()

    @property
    def _module_name(self):
        return "SharedMLP" if self._is_shared else "MLP"

    def _module_config(self, input_shape, n_outputs, multilabel, member):
        config = super()._module_config(input_shape, n_outputs, multilabel, member)
        config["shared_dropout"] = bool(self.shared_dropout)
        config["numerical_embedding"] = self.numerical_embedding
        if self._is_shared:
            config.update(n_members=self._count_members(), multilabel=multilabel)
        return config

    def _alpha(self, batches):
        if self.alpha != "auto":
            return self.alpha
        if self.solver != "adamw" or batches is None:
            return 1e-4
        decay = _DECAY * self._found.effort.decay
        return decay / max(batches.label_bits, _DECAY / _MOST_DECAY)

    def _n_epochs(self, n_steps):
        return round(self._found.effort.epochs * super()._n_epochs(n_steps))

    def _settle(self, data, *, going_on, incremental):
        if going_on:
            return self
        settled = type(self)()
        # Parameters, and what the check of the data has found.
        vars(settled).update(vars(self))
        if self.n_members == "auto":
            planned = self.max_iter == "auto" and not incremental
            settled.n_members = _MEMBERS if planned else 1
        if self._is_left_open and not incremental:
            settled._found = try_efforts(settled, data)
        return settled

    @property
    def _is_left_open(self):
        """Whether how long and how hard to train is for trials to find out."""
        settings = self.alpha, self.dropout, self.input_dropout, self.max_iter
        asked = self.early_stopping or self.solver != "adamw"
        return not asked and all(value == "auto" for value in settings)

    @property
    def _relevance(self):
        return self._found.relevance

    def _finish(self, module):
        cool(module, self._found.temperature)

    @property
    def _dropout(self):
        if self.dropout != "auto":
            return self.dropout
        wide = min(as_sizes(self.hidden_layer_sizes), default=0) >= _WIDE
        dropout = round(_DROPOUT * self._found.effort.dropout, 2)
        return dropout if wide and self.solver != "lbfgs" else 0.0

    @property
    def _input_dropout(self):
        if self.input_dropout != "auto":
            return self.input_dropout
        return self._found.effort.input_dropout

    def encode(self, X):
        """Turn a table into what the net takes: categories as codes 0, 1, ...

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            Input.

        Returns
        -------
        encoded : ndarray of shape (n_samples, n_features)
            NaN for what is missing or wasn't seen in ``fit``.
        """
        check_is_fitted(self)
        return self._check_X(X)

    def for_encoded(self):
        """Copy the estimator for tables as ``encode`` returns them.

        It is for explainers that want a plain array of numbers.

        Returns
        -------
        net : DeepMLPClassifier
            It shares the fitted net.
        """
        check_is_fitted(self)
        return for_encoded(self)

    @property
    def is_categorical_(self):
        return None if self._columns is None else self._columns.is_categorical

    @property
    def coefs_(self):
        return self._layers(lambda layer: layer.weight.mT)

    @property
    def intercepts_(self):
        return self._layers(lambda layer: layer.bias.view(layer.weight.shape[:-1]))

    @property
    def n_layers_(self):
        return len(modules_of(self.module_)[0].linear_layers) + 1

    def _layers(self, part):
        """Copies of a part of each layer."""
        members = zip(
            *[module.linear_layers for module in modules_of(self.module_)], strict=True
        )
        stacked = [
            np.stack([part(layer).detach().cpu().numpy() for layer in layers])
            for layers in members
        ]
        return [array[0] if len(array) == 1 else array for array in stacked]
