"""Documentation that the estimators share, and where it is found."""

import textwrap
from inspect import signature

_PARAMETERS = """
activation : {"identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "gelu", \
"silu"}, default="relu"
    Activation function of the hidden layers.

solver : {"lbfgs", "sgd", "adam", "adamw", "rmsprop"}, default={solver}
    How the weights are optimised.

    - "sgd": stochastic gradient descent with (Nesterov) momentum.
    - "adam": Kingma and Ba (2015).
    - "adamw": Adam with decoupled weight decay (Loshchilov and Hutter, 2019): the
      quadratic part of the penalty is not in the gradient, each step takes
      ``learning_rate * alpha * (1 - l1_ratio)`` of the weights away.
    - "rmsprop": Adam without `beta_1`, bias-corrected.
    - "lbfgs": quasi-Newton method on all data at once, for small data.

alpha : float or "auto", default={alpha}
    Strength of the penalty
    ``alpha * (l1_ratio * |w|_1 + (1 - l1_ratio) / 2 * |w|^2)`` on the weights; biases
    and normalization layers are not penalised. As in
    :class:`sklearn.neural_network.MLPClassifier`, it is divided by the sum of the
    sample weights of the batch when added to the loss. "auto", which only the MLP
    knows, is 0.0001, but with "adamw" 3000 divided by the bits that all labels hold, or
    1 if that is less: many samples of many classes need no penalty. The bits are the
    sum of the sample weights times the entropy of the classes. In ``partial_fit``,
    which doesn't know how many there will be, it is 0.0001.

l1_ratio : float, default=0.0
    Share of the L1 norm in the penalty, between 0 and 1. It leaves exact zeros.

batch_size : int or "auto", default="auto"
    Samples in a batch; at most all of them. "auto" is ``min(200, n_samples)``, for the
    CNN about a tenth of the samples, between 20 and 200, so that all batches are alike,
    for the RNN all of up to 64, else about a tenth, between 32 and 64. A last batch of
    a single sample joins the batch before it. Unused by "lbfgs".

learning_rate : {"constant", "invscaling", "adaptive", "cosine", "one_cycle"}, \
default={learning_rate}
    Schedule of the learning rate, for every solver but "lbfgs".

    - "constant": `learning_rate_init`.
    - "invscaling": ``learning_rate_init / (t + 1) ** power_t`` after each epoch, with
      t the number of samples seen.
    - "adaptive": divided by five whenever `n_iter_no_change` epochs in a row bring no
      improvement; training stops below 1e-6.
    - "cosine": half a cosine from `learning_rate_init` to zero over `max_iter` epochs.
    - "one_cycle": up to `learning_rate_init` for 30 % of the steps, then down to zero.

    The last two have a planned end, before which only early stopping stops; in
    ``partial_fit`` they are constant.

learning_rate_init : float, default={learning_rate_init}
    Initial (for "one_cycle", highest) learning rate.

power_t : float, default=0.5
    Exponent of "invscaling".

max_iter : int or "auto", default={max_iter}
    Maximum number of epochs, or of iterations of "lbfgs". "auto" is 200 iterations;
    about 3000 batches in 15 to 60 epochs for the MLP, 500 in 12 to 300 epochs for the
    CNN, 600 in 8 to 300 epochs for the RNN. See also `dropout`.

loss : {"log_loss", "focal"}, default="log_loss"
    Loss of a sample. "focal" (Lin et al., 2017) plays easy samples down.

focal_gamma : float, default=2.0
    How much "focal" plays easy samples down; 0 makes it the log-loss.

label_smoothing : float, default=0.0
    Share of the uniform distribution that is mixed into the targets, in [0, 1).

class_weight : dict, "balanced" or None, default=None
    Weights of the classes in the loss, times `sample_weight`. "balanced" weights
    inversely to the classes' frequencies in what ``fit`` gets, so after any resampling.

batch_sampler : "balanced" or None, default=None
    "balanced" fills every batch evenly with all classes.

dropout : float or "auto", default={dropout}
    Probability with which a hidden unit is dropped while training. "auto", which only
    the MLP knows, is 0.3 if all hidden layers have at least 64 units, and 0 otherwise
    or with "lbfgs".

    In the MLP, if `alpha`, `dropout`, `input_dropout` and `max_iter` are all "auto",
    the solver is "adamw", there is no early stopping and there are at least 500
    samples, ``fit`` first tries three nets for half the epochs on four fifths of them:
    as above; with one and a half times the dropout, and 0.1 on the input; and with half
    the dropout, a third of `alpha` and then twice the epochs. Whichever is right on
    most of the other samples (the last one by 0.2 % at least), that is how all are
    trained on. It takes about as long as the training that follows. The logits are
    divided by a temperature that is learned there as well (Guo et al., 2017). And
    features that moved the logits of these nets further learn faster (Radhakrishnan et
    al., 2024): those that say nothing are hardly looked at.

normalization : {"auto", "batch", "layer"} or None, default={normalization}
    Normalization between the linear maps and the activations. In the statistics of
    "batch", samples count by their weight. "auto", which only CNN and RNN know, is
    "batch", or "layer" with ``batch_size=1``. shap's DeepExplainer knows "batch" and
    None, not "layer".

gradient_clip : float or None, default=None
    Largest Euclidean norm of the gradient of a batch.

standardize : bool, "auto", "sample" or "robust", default={standardize}
    Whether the net subtracts the mean and divides by the standard deviation of each
    input channel. The statistics belong to the net and are learned from the training
    data only.

    - "sample", of CNN and RNN: the channels of each sample by themselves; their means
      and the logarithms of their deviations become channels as well.
    - "auto", of CNN and RNN, is "sample" for series of which some vary a hundred times
      as much as others, and else True.
    - "robust", of the MLP: by median and interquartile range, learned from at most
      10,000 rows and not again where training goes on, and then
      ``x / sqrt(1 + (x / 3)**2)``, so that no number is far from zero.

shuffle : bool, default=True
    Whether to shuffle the samples in each epoch.

random_state : int, RandomState instance or None, default=None
    Source of initial weights, validation split, order of the batches and dropout. None
    takes a seed from numpy's global generator, as all of scikit-learn does; nothing
    else reads or sets a global generator.

tol : float, default=1e-4
    Smallest improvement of the training loss (of the validation score with early
    stopping) that counts. For "lbfgs", largest entry of the gradient at the solution.

verbose : bool or int, default=False
    Whether to print the loss of each epoch.

warm_start : bool, default=False
    Whether ``fit`` goes on with the weights of the fit before.

momentum : float, default=0.9
    Momentum of "sgd", between 0 and 1.

nesterovs_momentum : bool, default=True
    Whether "sgd" uses Nesterov's momentum.

early_stopping : bool, default=False
    Whether to hold `validation_fraction` of the training data out, to stop when the
    validation score stops to improve, and to return to the weights of the best epoch.

validation_fraction : float, default=0.1
    Share held out for early stopping, stratified by class.

scoring : str, callable or None, default=None
    What early stopping watches: None for accuracy, "loss" for the validation loss, or
    a scorer as in :func:`sklearn.metrics.check_scoring`.

beta_1, beta_2 : float, default=0.9, 0.999
    Decay of the moments of the gradient in "adam" and its kin.

epsilon : float, default=1e-8
    Numerical stability in "adam" and its kin.

n_iter_no_change : int, default={n_iter_no_change}
    Epochs without improvement that end training. "cosine" and "one_cycle" go through to
    their planned end unless early stopping watches.

max_fun : int, default=15000
    Maximum number of evaluations of the loss by "lbfgs".

n_members : int or "auto", default={n_members}
    Number of nets, each with a seed of its own drawn from `random_state`. They train
    as one, on as many threads as torch uses, and their probabilities are averaged
    (Lakshminarayanan et al., 2017). "auto", which the RNN doesn't know, is 3 for tables
    if `max_iter` is "auto" (but 1 in ``partial_fit``), 5 for series if `architecture`
    and `kernel_size` are (3 if `n_filters` or `augmentation` is given), and 1
    otherwise.

device : str, default="auto"
    "cpu", "cuda", "cuda:<index>" or "mps"; "auto" is CUDA where there is one.

dtype : {{"auto", "float32", "float64"}}, default="auto"
    Float type of the net. "auto" is float32, but on a CPU that of X if it has fewer
    than 1000 samples, with "lbfgs", or if float32 would blur a column, whose values are
    a thousand times as large as the differences between them.

mixed_precision : bool, default=False
    Whether layers that bear it are trained in bfloat16, with weights, losses, penalties
    and predictions in float32 (Micikevicius et al., 2018). It pays on accelerators.

callbacks : list of skorch callbacks or None, default=None
    For those who have them. scikit-learn's callbacks are set by
    :meth:`set_callbacks`.
""".replace("{{", "{").replace("}}", "}")

_ATTRIBUTES = """
classes_ : ndarray of shape (n_classes,)
    Class labels.

n_features_in_ : int
    Number of features, of flat X.

feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the features, if X had them.

input_shape_ : tuple of int
    Shape of one sample as ``module_`` takes it, channels first.

n_iter_ : int
    Epochs, or iterations of "lbfgs", of the last fit.

t_ : int
    Training samples seen, over all epochs.

loss_ : float
    Training loss at the end.

best_loss_ : float or None
    Lowest training loss; None with early stopping.

loss_curve_ : list of float
    Training loss of each epoch, penalty included. This and all that follows are means
    if there are several nets.

validation_loss_curve_ : list of float or None
    Validation loss of each epoch, with early stopping.

validation_scores_ : list of float or None
    Validation score of each epoch, with early stopping.

best_validation_score_ : float or None
    Highest validation score, with early stopping.

module_ : torch.nn.Module
    The fitted net, in eval mode: folded input to logits.

net_ : skorch.NeuralNetClassifier
    The net that was trained, or a list of them. It is not part of a pickle.

n_outputs_ : int
    Number of logits.

out_activation_ : str
    "softmax", or "logistic" for multilabel targets.
"""


class DocLinks:
    """Mixin that tells scikit-learn's HTML repr where the documentation is."""

    _doc_link_module = "skdeep"
    _doc_link_template = (
        "https://skdeep.readthedocs.io/en/latest/generated/"
        "{estimator_module}.{estimator_name}.html"
    )


def shared_docs(cls):
    """Fill the shared parameters and attributes into the docstring of `cls`."""
    for mark, text in (
        ("{shared_parameters}", _with_defaults(_PARAMETERS, cls)),
        ("{shared_attributes}", _ATTRIBUTES),
    ):
        block = textwrap.indent(text.strip(), "    ")
        cls.__doc__ = cls.__doc__.replace(f"    {mark}", block)
    return cls


def _with_defaults(text, cls):
    """Write the defaults that are the estimator's own."""
    for name, parameter in signature(cls).parameters.items():
        default = parameter.default
        default = f'"{default}"' if isinstance(default, str) else str(default)
        text = text.replace(f"default={{{name}}}", f"default={default}")
    return text
