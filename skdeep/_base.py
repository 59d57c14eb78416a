"""What the estimators have in common: the data path from X and y to classes."""

import copy
import math
import warnings
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, check_scoring
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skdeep import _batches as batching
from skdeep import _validation as validation
from skdeep._availability import available_unless
from skdeep._devices import resolve_device, resolve_dtype
from skdeep._inference import forward
from skdeep._losses import target_rows
from skdeep._module_state import pack, unpack
from skdeep._parameters import (
    Boolean,
    Callable,
    Device,
    InvalidParameterError,
    Kind,
    Number,
    OneOf,
    Verbosity,
    as_sizes,
    check_parameters,
)
from skdeep._progress import Curves, Validation
from skdeep._split import split_validation
from skdeep._version import __version__
from skdeep.modules import (
    ACTIVATIONS,
    InputStandardizer,
    build,
    initialize,
    use_generator,
)

SHARED_RULES = {
    "activation": [OneOf(*ACTIVATIONS)],
    "solver": [OneOf("sgd", "adam", "adamw", "rmsprop", "lbfgs")],
    "alpha": [Number(0)],
    "l1_ratio": [Number(0, 1)],
    "batch_size": [Number(1, integer=True), OneOf("auto")],
    "learning_rate": [
        OneOf("constant", "invscaling", "adaptive", "cosine", "one_cycle")
    ],
    "learning_rate_init": [Number(0, closed="right")],
    "power_t": [Number(0)],
    "max_iter": [Number(1, integer=True)],
    "loss": [OneOf("log_loss", "focal")],
    "focal_gamma": [Number(0)],
    "label_smoothing": [Number(0, 1, closed="left")],
    "class_weight": [OneOf("balanced", None), Kind((dict, list), "a dict")],
    "batch_sampler": [OneOf("balanced", None)],
    "dropout": [Number(0, 1, closed="left")],
    "normalization": [OneOf("batch", "layer", None)],
    "gradient_clip": [Number(0, closed="right"), OneOf(None)],
    "standardize": [Boolean()],
    "shuffle": [Boolean()],
    "random_state": [
        Number(0, 2**32 - 1, integer=True),
        Kind(np.random.RandomState, "a RandomState"),
        OneOf(None),
    ],
    "tol": [Number(0)],
    "verbose": [Verbosity()],
    "warm_start": [Boolean()],
    "momentum": [Number(0, 1)],
    "nesterovs_momentum": [Boolean()],
    "early_stopping": [Boolean()],
    "validation_fraction": [Number(0, 1, closed="neither")],
    "scoring": [OneOf(None), Kind(str, "a scorer name"), Callable()],
    "beta_1": [Number(0, 1, closed="left")],
    "beta_2": [Number(0, 1, closed="left")],
    "epsilon": [Number(0, closed="right")],
    "n_iter_no_change": [Number(1, integer=True, infinite=True)],
    "max_fun": [Number(1, integer=True)],
    "device": [Device()],
    "dtype": [OneOf("auto", "float32", "float64")],
    "callbacks": [Kind((list, tuple), "a list of skorch callbacks"), OneOf(None)],
}


class Randomness:
    """A generator for each use of chance, all seeded by one `random_state`.

    Parameters
    ----------
    random_state : int, RandomState or None

    device : torch.device
        Where dropout draws.
    """

    def __init__(self, random_state, device):
        seeds = check_random_state(random_state).randint(2**31 - 1, size=4).tolist()
        self.split_seed = seeds[0]
        self.weights = torch.Generator().manual_seed(seeds[1])
        self.order = torch.Generator().manual_seed(seeds[2])
        self.dropout = torch.Generator(device).manual_seed(seeds[3])


class Data(NamedTuple):
    """Validated training data; rows of weight zero are left out.

    Attributes
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)

    targets : Targets

    weight : ndarray of shape (n_samples,) or None
        Sample weights times class weights.

    fold : Fold

    device : torch.device

    dtype : torch.dtype
    """

    X: object
    targets: validation.Targets
    weight: np.ndarray | None
    fold: batching.Fold
    device: torch.device
    dtype: torch.dtype


class FitEvents:
    """Reports epochs to scikit-learn's callbacks.

    Parameters
    ----------
    context : sklearn.callback.CallbackContext or None
        None reports nothing.

    **arguments
        Of the hooks.
    """

    def __init__(self, context=None, **arguments):
        self.context, self.arguments = context, arguments

    def epoch_begins(self):
        """Open the task of an epoch."""
        if self.context is not None:
            self.epoch = self.context.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(**self.arguments)

    def epoch_ends(self):
        """Close it. Returns whether a callback asks to stop."""
        if self.context is None:
            return False
        return self.epoch.call_on_fit_task_end(**self.arguments)


@contextmanager
def _unchanged_on_error(estimator):
    """Leave no half-fitted state behind, whatever goes wrong."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def _why_no_partial_fit(estimator):
    if estimator.solver == "lbfgs":
        return (
            "partial_fit is only available for stochastic optimizers. "
            "lbfgs is not stochastic."
        )
    if estimator.early_stopping:
        return "partial_fit does not support early_stopping=True"
    return None


class BaseDeepClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Base of the classifiers; not to be used directly.

    Subclasses add ``_rules``, ``_input_format``, ``_module_name``, ``_default_shape``
    and what ``_module_config`` says of their own parameters.
    """

    _doc_link_module = "skdeep"
    _doc_link_template = (
        "https://skdeep.readthedocs.io/en/latest/generated/"
        "{estimator_module}.{estimator_name}.html"
    )

    def __init__(
        self,
        *,
        activation,
        solver,
        alpha,
        l1_ratio,
        batch_size,
        learning_rate,
        learning_rate_init,
        power_t,
        max_iter,
        loss,
        focal_gamma,
        label_smoothing,
        class_weight,
        batch_sampler,
        dropout,
        normalization,
        gradient_clip,
        standardize,
        shuffle,
        random_state,
        tol,
        verbose,
        warm_start,
        momentum,
        nesterovs_momentum,
        early_stopping,
        validation_fraction,
        scoring,
        beta_1,
        beta_2,
        epsilon,
        n_iter_no_change,
        max_fun,
        device,
        dtype,
        callbacks,
    ):
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.loss = loss
        self.focal_gamma = focal_gamma
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.batch_sampler = batch_sampler
        self.dropout = dropout
        self.normalization = normalization
        self.gradient_clip = gradient_clip
        self.standardize = standardize
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.device = device
        self.dtype = dtype
        self.callbacks = callbacks

    def _module_config(self, input_shape, n_outputs):
        """Keyword arguments of the module that all nets take."""
        return {
            "input_shape": input_shape,
            "n_outputs": n_outputs,
            "hidden_layer_sizes": as_sizes(self.hidden_layer_sizes),
            "activation": self.activation,
            "normalization": self.normalization,
            "dropout": float(self.dropout),
            "standardize": bool(self.standardize),
        }

    @with_callbacks
    def fit(self, X, y, sample_weight=None):
        """Train on X and y.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Training data, flat or folded.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels of any type, or a 0/1 indicator matrix.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights; they act as if each row were repeated that many times.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If a parameter breaks its rule, if X, y and `input_shape` don't fit each
            other, or if the loss doesn't stay finite. The estimator is left as it was.
        """
        self._check_parameters()
        context = self._init_callback_context(max_subtasks=self.max_iter)
        arguments = {
            "estimator": self,
            "X": X,
            "y": y,
            "metadata": {"sample_weight": sample_weight},
        }
        context.call_on_fit_task_begin(**arguments)
        with _unchanged_on_error(self):
            self._fit(
                X,
                y,
                sample_weight,
                going_on=self.warm_start and self.__sklearn_is_fitted__(),
                events=lambda snapshot: FitEvents(
                    context, reconstruction_attributes=snapshot, **arguments
                ),
            )
        context.call_on_fit_task_end(**arguments, reconstruction_attributes={})
        return self

    @available_unless(_why_no_partial_fit)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on a part of the data.

        Solver, random stream and input statistics go on from call to call, until the
        estimator is pickled.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Part of the data.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Its targets.

        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come; required in the first call.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            As ``fit``, and if `classes` are missing or differ from those before.
        """
        self._check_parameters()
        self._check_partial_fit(classes)
        with _unchanged_on_error(self):
            self._fit(
                X,
                y,
                sample_weight,
                classes=classes,
                going_on=self.__sklearn_is_fitted__(),
                incremental=True,
                events=lambda snapshot: FitEvents(),
            )
        return self

    def _fit(
        self, X, y, sample_weight, *, going_on, events, classes=None, incremental=False
    ):
        """Walk the data path; every stage has a file of its own."""
        # skorch is slow to import and nothing but training needs it.
        from skdeep._training import train

        data = self._validate(X, y, sample_weight, classes, going_on, incremental)
        randomness = self._randomness(data, going_on and incremental)
        batches, held_out = self._make_batches(data, randomness)
        net = self._make_net(data, batches, randomness, going_on, incremental)
        curves = self._curves(going_on, incremental)
        outcome = train(
            net,
            batches,
            held_out,
            curves,
            events(lambda: self._attributes(unpack(pack(net.module_)), data)),
            max_iter=1 if incremental else self.max_iter,
        )
        self._keep(net, data, curves, outcome.n_iter)
        if not incremental:
            net.forget_solver()
            if not outcome.complete:
                warnings.warn(outcome.message, ConvergenceWarning, stacklevel=4)

    def _check_parameters(self):
        check_parameters(self.get_params(deep=False), self._rules)
        for broken, rule, name in (
            (
                self.solver == "lbfgs" and self.dropout > 0,
                "`dropout` must be 0 with solver='lbfgs', which needs a loss without "
                "randomness",
                "dropout",
            ),
            (
                self.solver == "lbfgs" and self.batch_sampler is not None,
                "`batch_sampler` must be None with solver='lbfgs', which has no "
                "batches",
                "batch_sampler",
            ),
            (
                self.normalization == "batch" and self.batch_size == 1,
                "`batch_size` must be at least 2 with normalization='batch'",
                "batch_size",
            ),
        ):
            if broken:
                value = getattr(self, name)
                raise InvalidParameterError(f"{rule}. Got {value!r}.")

    def _check_partial_fit(self, classes):
        if self.class_weight == "balanced":
            raise ValueError(
                "`class_weight` must be None or a dict in partial_fit, which sees only "
                "a part of the data. Got 'balanced'; compute the weights with "
                "sklearn.utils.class_weight.compute_class_weight."
            )
        if not self.__sklearn_is_fitted__():
            if classes is None:
                raise ValueError(
                    "`classes` must be passed on the first call to partial_fit."
                )
        elif classes is not None and not np.array_equal(
            self.classes_, np.unique(classes)
        ):
            raise ValueError(
                "`classes` must be the same as in the first call to partial_fit. "
                f"Got {classes!r} after {self.classes_!r}."
            )

    def _validate(self, X, y, sample_weight, classes, going_on, incremental):
        """From what the user passed to arrays, codes and weights."""
        form = self._input_format
        flat, y = validation.check_X(self, X, y, input_format=form, reset=not going_on)
        if going_on:
            if not incremental:
                validation.check_same_classes(y, self.classes_)
            classes = self.classes_
        targets = validation.encode_targets(y, classes)
        shape = validation.resolve_input_shape(
            X,
            flat.shape[1],
            getattr(self, "input_shape", None),
            form,
            self._default_shape(flat.shape[1]),
        )
        if form.padded:
            validation.check_padding(flat, shape)
        fold = batching.Fold(shape, getattr(self, "channels", "first") == "last")
        sample_weight = validation.check_sample_weight(sample_weight, flat.shape[0])
        weight = validation.combine_weights(targets, sample_weight, self.class_weight)
        if weight is not None and not weight.all():
            kept = np.flatnonzero(weight)
            flat, weight = flat[kept], weight[kept]
            targets = targets._replace(codes=targets.codes[kept])
        device = resolve_device(self.device)
        dtype = resolve_dtype(self.dtype, flat.dtype, device)
        if going_on:
            device, dtype = self.module_.device, self.module_.dtype
        return Data(flat, targets, weight, fold, device, dtype)

    def _randomness(self, data, keep):
        """Generators: new ones, or those of the partial_fit before."""
        if keep and self._can_go_on():
            return self.net_.randomness_
        return Randomness(self.random_state, data.device)

    def _can_go_on(self):
        return getattr(getattr(self, "net_", None), "solver_", None) is not None

    def _make_batches(self, data, randomness):
        """Training batches, and held-out data with early stopping."""
        rows = batching.Rows(data.X, data.fold, data.dtype, data.device)
        codes, n_classes = data.targets.codes, len(data.targets.classes)
        targets = target_rows(codes, n_classes, self.label_smoothing, data.dtype)
        index, held_out = np.arange(len(rows)), None
        if self.early_stopping:
            index, held_out = split_validation(
                data.X,
                codes,
                data.weight,
                self.validation_fraction,
                randomness.split_seed,
            )
        if self.normalization == "batch" and len(index) == 1:
            raise ValueError(
                "normalization='batch' needs more than 1 sample to train on. "
                "Got n_samples = 1; use normalization='layer'."
            )
        batches = batching.Batches(
            rows,
            codes,
            targets,
            data.weight,
            index,
            self._batch_size(len(index)),
            self._order(data.targets, index, randomness.order),
        )
        return batches, self._held_out(data, targets, held_out)

    def _batch_size(self, n_samples):
        if self.solver == "lbfgs":
            return n_samples
        return min(200 if self.batch_size == "auto" else self.batch_size, n_samples)

    def _order(self, targets, index, generator):
        generator = generator if self.shuffle else None
        if self.batch_sampler == "balanced":
            if targets.multilabel:
                raise ValueError(
                    "`batch_sampler` must be None for multilabel targets. "
                    "Got 'balanced'."
                )
            codes = targets.codes[index]
            return batching.balanced_order(codes, len(targets.classes), generator)
        if generator is None or self.solver == "lbfgs":
            return batching.sequential_order(len(index))
        return batching.shuffled_order(len(index), generator)

    def _held_out(self, data, targets, index):
        if index is None:
            return None
        held_out = data._replace(
            X=data.X[index],
            targets=data.targets._replace(codes=data.targets.codes[index]),
            weight=None if data.weight is None else data.weight[index],
        )
        return Validation(
            batching.Rows(held_out.X, data.fold, data.dtype, data.device),
            held_out.targets.codes,
            targets(index),
            held_out.weight,
            self._score_function(held_out),
        )

    def _score_function(self, data):
        """What early stopping watches: (module, logits, loss) to a number."""
        weight = data.weight
        if self.scoring == "loss":
            return lambda module, logits, loss: -loss
        if self.scoring is None:
            return lambda module, logits, loss: accuracy_score(
                data.targets.codes,
                _decide(logits, data.targets.multilabel),
                sample_weight=weight,
            )
        scorer = check_scoring(self, self.scoring)
        options = {} if weight is None else {"sample_weight": weight}
        y = _labels(data.targets.codes, data.targets.classes)

        def score(module, logits, loss):
            judged = copy.copy(self)
            vars(judged).pop("feature_names_in_", None)
            vars(judged).update(self._attributes(module, data))
            return scorer(judged, data.X, y, **options)

        return score

    def _make_net(self, data, batches, randomness, going_on, incremental):
        """A net ready to train: a new one, or that of the fit before."""
        from skdeep._training import make_net

        n_classes = len(data.targets.classes)
        config = self._module_config(data.fold.module_shape, n_classes)
        if going_on:
            self._check_same_architecture(config)
            module = self.module_
        else:
            module = build(self._module_name, config).to(data.dtype)
            module = module.to_empty(device="cpu")
            initialize(module, randomness.weights, self.activation)
            module = module.to(data.device)
        if isinstance(module.standardizer, InputStandardizer):
            batches.learn_statistics(module.standardizer)
        if going_on and incremental and self._can_go_on():
            return self.net_
        use_generator(module, randomness.dropout)
        net = make_net(
            module,
            self.get_params(deep=False),
            n_classes=n_classes,
            multilabel=data.targets.multilabel,
            n_steps=None if incremental else batches.n_steps * self.max_iter,
        )
        net.randomness_ = randomness
        return net

    def _check_same_architecture(self, config):
        before = self.module_.config
        changed = {name for name in config if config[name] != before[name]}
        if changed:
            name = min(changed)
            raise ValueError(
                f"`{name}` must not change between fits that go on from each other. "
                f"Got {config[name]!r} after {before[name]!r}; use a new estimator or "
                "warm_start=False."
            )

    def _curves(self, going_on, incremental):
        if not going_on:
            return Curves()
        curves = Curves(
            loss=list(self.loss_curve_),
            n_seen=self.t_,
            n_without_improvement=self._no_improvement_count if incremental else 0,
        )
        if self.early_stopping and self.validation_scores_:
            curves.validation_score = list(self.validation_scores_)
            curves.validation_loss = list(self.validation_loss_curve_)
            curves.best_score = self.best_validation_score_
        if self.best_loss_ is not None:
            curves.best_loss = self.best_loss_
        return curves

    def _attributes(self, module, data):
        """What predicting needs."""
        return {
            "classes_": data.targets.classes,
            "input_shape_": data.fold.module_shape,
            "out_activation_": "logistic" if data.targets.multilabel else "softmax",
            "n_outputs_": len(data.targets.classes),
            "module_": module,
            "_fold": data.fold,
        }

    def _keep(self, net, data, curves, n_iter):
        """Set the fitted attributes."""
        vars(self).update(self._attributes(net.module_, data))
        stopping = self.early_stopping
        self.n_iter_ = n_iter
        self.t_ = curves.n_seen
        self.loss_curve_ = curves.loss
        self.loss_ = curves.loss[-1]
        self.best_loss_ = None if stopping else curves.best_loss
        self.validation_loss_curve_ = curves.validation_loss if stopping else None
        self.validation_scores_ = curves.validation_score if stopping else None
        self.best_validation_score_ = curves.best_score if stopping else None
        self._no_improvement_count = curves.n_without_improvement
        self.net_ = net

    def predict(self, X):
        """Predict the class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Input.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels, of the type seen in ``fit``.
        """
        codes = _decide(self._logits(X), self._multilabel)
        return _labels(codes, self.classes_)

    def predict_proba(self, X):
        """Probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Input.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``. Rows sum to one, but for multilabel targets,
            where each column is the probability of one label.
        """
        logits = self._logits(X)
        if self._multilabel:
            # Beyond 36 the sigmoid would round to exactly 1.
            return torch.sigmoid(logits.clamp(-36.0, 36.0)).numpy()
        return torch.softmax(logits, 1).numpy()

    def predict_log_proba(self, X):
        """Logarithm of ``predict_proba``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Input.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes), float64
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def decision_function(self, X):
        """Logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Input.

        Returns
        -------
        logits : ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            For two classes, the logit of ``classes_[1]`` minus that of
            ``classes_[0]``: positive where ``predict`` says ``classes_[1]``.
        """
        logits = self._logits(X).numpy()
        if len(self.classes_) == 2 and not self._multilabel:
            return logits[:, 1] - logits[:, 0]
        return logits

    def __call__(self, X):
        """Call ``predict_proba``, so that explainers take the estimator itself."""
        return self.predict_proba(X)

    @property
    def output_names(self):
        """Names of the columns of ``predict_proba``, a list of str."""
        check_is_fitted(self)
        return [str(label) for label in self.classes_]

    def to_module(self):
        """Copy the fitted net.

        Returns
        -------
        module : torch.nn.Module
            On the CPU, in eval mode, sharing nothing with the estimator: folded input
            of shape (n_samples, *input_shape_) to logits (n_samples, n_classes).
        """
        check_is_fitted(self)
        return unpack(pack(self.module_))

    @property
    def _multilabel(self):
        return self.out_activation_ == "logistic"

    def _logits(self, X):
        """Validated X, then forward in batches."""
        if "module_" not in vars(self):
            check_is_fitted(self)
        rows = batching.Rows(
            self._check_X(X), self._fold, self.module_.dtype, self.module_.device
        )
        return forward(self.module_, rows)

    def _check_X(self, X):
        form = self._input_format
        if (
            type(X) is np.ndarray
            and X.ndim == 2
            and X.dtype in (np.float64, np.float32)
            and len(X)
            and X.shape[1] == self.n_features_in_
            and "feature_names_in_" not in vars(self)
        ):
            # Nothing left to check if all is finite, which a sum can tell.
            with np.errstate(over="ignore", invalid="ignore"):
                if math.isfinite(X.sum()):
                    return X
        flat = validation.check_X(self, X, input_format=form, reset=False)
        validation.resolve_input_shape(
            X, flat.shape[1], self._fold.shape, form, self._fold.shape
        )
        if form.padded:
            validation.check_padding(flat, self._fold.shape)
        return flat

    def __sklearn_is_fitted__(self):
        return "module_" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.input_tags.sparse = self._input_format.sparse
        tags.input_tags.three_d_array = bool(self._input_format.n_axes)
        return tags

    def __getstate__(self):
        state = dict(super().__getstate__())
        fitted, fitting = "module_" in state, "_callback_fit_ctx" in state
        for name in ("net_", "_callback_fit_ctx", "_skl_callbacks_to_teardown"):
            state.pop(name, None)
        if fitted or fitting:
            # Callbacks watch a fit; a fitted model that is stored has no use for them.
            state.pop("_skl_callbacks", None)
            state.pop("_parent_callback_ctx", None)
        if fitted:
            state["module_"] = pack(self.module_)
        state["_skdeep_version"] = __version__
        return state

    def __setstate__(self, state):
        state = dict(state)
        version = state.pop("_skdeep_version", None)
        if version != __version__:
            warnings.warn(
                f"{type(self).__name__} was saved by skdeep {version} and is loaded by "
                f"skdeep {__version__}; results may differ.",
                stacklevel=2,
            )
        if "module_" in state:
            state["module_"] = unpack(state["module_"])
        super().__setstate__(state)


def _decide(logits, multilabel):
    """Codes of the most probable labels."""
    codes = logits > 0 if multilabel else logits.argmax(1)
    return codes.numpy()


def _labels(codes, classes):
    """Labels of `codes`: an indicator matrix for a matrix of codes."""
    return codes.astype(np.int64) if codes.ndim == 2 else classes[codes]
