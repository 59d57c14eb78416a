"""What the estimators have in common: the data path from X and y to classes."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from skdeep import _describing as describing
from skdeep import _fitting as fitting
from skdeep import _meeting as meeting
from skdeep import _sequences as sequences
from skdeep import _training_data as training_data
from skdeep import _validation as validation
from skdeep._availability import available_unless
from skdeep._batches import Rows
from skdeep._docstrings import DocLinks
from skdeep._fit_events import FitEvents
from skdeep._inference import forward, most_probable, probabilities
from skdeep._members import join_curves
from skdeep._module_state import pack, unpack
from skdeep._parameters import as_sizes
from skdeep._pickling import Pickling
from skdeep._rules import check_estimator_parameters

# What "auto" means for "lbfgs": as many as scikit-learn's MLPClassifier has.
_ITERATIONS = 200


def _why_no_partial_fit(estimator):
    if estimator.solver == "lbfgs":
        return (
            "partial_fit is only available for stochastic optimizers. "
            "lbfgs is not stochastic."
        )
    if estimator.early_stopping:
        return "partial_fit does not support early_stopping=True"
    return None


class BaseDeepClassifier(
    DocLinks, Pickling, CallbackSupportMixin, ClassifierMixin, BaseEstimator
):
    """Base of the classifiers; not to be used directly.

    Subclasses add ``_rules``, ``_input_format``, ``_module_name``, ``_auto_epochs``
    (batches of a whole training, fewest and most epochs), ``_default_shape`` and what
    ``_module_config`` says of their own parameters.
    """

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
        n_members,
        device,
        dtype,
        mixed_precision,
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
        self.n_members = n_members
        self.device = device
        self.dtype = dtype
        self.mixed_precision = mixed_precision
        self.callbacks = callbacks

    @property
    def _dropout(self):
        return self.dropout

    @property
    def _standardize(self):
        kind = self.standardize
        return kind if isinstance(kind, str) else bool(kind)

    # Only tables have columns to drop, or to tell apart.
    _input_dropout, _relevance = 0.0, None

    def _alpha(self, batches):
        """Strength of the penalty, given all training data, if it is known."""
        return self.alpha

    def _count_members(self, input_shape):
        """Number of nets that answer as one, given the shape of a module's input."""
        return self.n_members

    def _count_modules(self, input_shape):
        """Number of modules that these nets are."""
        return self._count_members(input_shape)

    def _module_config(self, input_shape, n_outputs, multilabel, member):
        """Keyword arguments of a module, the first of which is member 0."""
        normalization = self.normalization
        if normalization == "auto":
            # A batch of one sample has no statistics worth the name.
            normalization = "layer" if self.batch_size == 1 else "batch"
        return {
            "input_shape": input_shape,
            "n_outputs": n_outputs,
            "hidden_layer_sizes": as_sizes(self.hidden_layer_sizes),
            "activation": self.activation,
            "normalization": normalization,
            "dropout": float(self._dropout),
            "standardize": self._standardize,
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
        check_estimator_parameters(self)
        # An automatic number of epochs depends on the data.
        n_epochs = None if self.max_iter == "auto" else self.max_iter
        context = self._init_callback_context(max_subtasks=n_epochs)
        arguments = {
            "estimator": self,
            "X": X,
            "y": y,
            "metadata": {"sample_weight": sample_weight},
        }
        context.call_on_fit_task_begin(**arguments)
        going_on = self.warm_start and self.__sklearn_is_fitted__()
        with fitting.unchanged_on_error(self, going_on):
            self._fit(
                X,
                y,
                sample_weight,
                going_on=going_on,
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
        check_estimator_parameters(self)
        self._check_partial_fit(classes)
        going_on = self.__sklearn_is_fitted__()
        with fitting.unchanged_on_error(self, going_on):
            self._fit(
                X,
                y,
                sample_weight,
                classes=classes,
                going_on=going_on,
                incremental=True,
                events=lambda snapshot: FitEvents(),
            )
        return self

    def _fit(
        self, X, y, sample_weight, *, going_on, events, classes=None, incremental=False
    ):
        """Walk the data path; each stage has a file of its own."""
        stage = {"going_on": going_on, "incremental": incremental}
        data = training_data.validate(
            self, X, y, sample_weight, classes=classes, **stage
        )
        settled = self._settle(data, **stage)
        trainings = fitting.prepare(settled, data, events, **stage)
        if incremental:
            outcomes = [training.run() for training in trainings]
        else:
            outcomes = meeting.run(trainings)
        for training in trainings:
            settled._finish(training.net.module_)
        self._keep(trainings, data, max(outcome.n_iter for outcome in outcomes))
        alone = not meeting.in_company()
        self._reference = describing.describe(self, data, **stage) if alone else None
        if incremental:
            return
        for training in trainings:
            training.net.forget_solver()
        for outcome in outcomes:
            if not outcome.complete:
                warnings.warn(outcome.message, ConvergenceWarning, stacklevel=4)
                break

    def _settle(self, data, *, going_on, incremental):
        """The estimator, or one like it that knows what suits the data."""
        return self

    def _finish(self, module):
        """Last touch on a trained net, in place."""

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

    def _keep(self, trainings, data, n_iter):
        """Set the fitted attributes."""
        nets = [training.net for training in trainings]
        curves = join_curves([training.curves for training in trainings])
        vars(self).update(data.fitted_attributes([net.module_ for net in nets]))
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
        self.net_ = nets[0] if len(nets) == 1 else nets

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
        codes = most_probable(self._logits(X), self._multilabel)
        return validation.decode_targets(codes, self.classes_)

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
        return probabilities(self._logits(X), self._multilabel)

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
        logits = self._logits(X)
        if len(self.classes_) == 2 and not self._multilabel:
            return logits[:, 1] - logits[:, 0]
        return logits

    def score(self, X, y, sample_weight=None):
        """Share of the samples that ``predict`` gets right.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Input.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            True labels; of several labels, all must be right.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights.

        Returns
        -------
        accuracy : float
        """
        predicted = self.predict(X)
        if (
            sample_weight is None
            and type(y) is np.ndarray
            and y.dtype == predicted.dtype
            and y.dtype.kind in "biuU"
            and y.shape == predicted.shape == (len(predicted),)
        ):
            # Finding out what kind of target this is takes longer than predicting.
            return float((predicted == y).mean())
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

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
            of shape ``(n_samples, *input_shape_)`` to logits (n_samples, n_classes).
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
        rows = Rows(
            self._check_X(X), self._fold, self.module_.dtype, self.module_.device
        )
        return forward(self.module_, rows)

    def _check_X(self, X):
        form = self._input_format
        if self._columns is None and not form.tokens:
            array = validation.as_checked_array(self, X)
            if array is not None:
                return array
        flat = validation.check_X(
            self, X, input_format=form, reset=False, columns=self._columns
        )
        validation.resolve_input_shape(
            X, flat.shape[1], self._fold.shape, form, self._fold.shape
        )
        if form.padded:
            shape = self._fold.shape
            sequences.check_padding(flat, shape, self._time_axis(shape))
        if form.tokens:
            sequences.check_tokens(flat)
        return flat

    def _auto_batch_size(self, n_samples):
        return 200

    def _n_epochs(self, n_steps):
        """Epochs of a fit, of so many batches each."""
        if self.max_iter != "auto":
            return self.max_iter
        if self.solver == "lbfgs":
            return _ITERATIONS
        steps, fewest, most = self._auto_epochs
        return max(fewest, min(-(-steps // n_steps), most))

    def _time_axis(self, input_shape):
        """Axis of one sample along which NaN may pad; None if along none."""
        return 0

    def __sklearn_is_fitted__(self):
        return "module_" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.input_tags.sparse = self._input_format.sparse
        tags.input_tags.three_d_array = bool(self._input_format.n_axes)
        tags.input_tags.allow_nan = self._input_format.table
        tags.input_tags.positive_only = self._input_format.tokens
        return tags
