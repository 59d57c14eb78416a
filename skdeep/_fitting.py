"""From checked data to batches and a net that is ready to train."""

import copy
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.metrics import accuracy_score, check_scoring
from sklearn.utils import check_random_state

from skdeep import _batches as batching
from skdeep import _validation as validation
from skdeep._augmentation import augmentation, column_dropout
from skdeep._bins import learn_edges, learn_quantiles
from skdeep._fit_events import FollowingEvents
from skdeep._inference import most_probable
from skdeep._losses import target_rows
from skdeep._members import count_members, modules_of
from skdeep._module_state import pack, unpack
from skdeep._parameters import parameters_of
from skdeep._progress import Curves, Validation
from skdeep._relevance import column_speeds
from skdeep._split import split_validation
from skdeep._stacked import Training
from skdeep._threads import threads_for
from skdeep.modules import allocate, build, initialize, use_generator
from skdeep.modules.table import coded_features


class Randomness:
    """A generator for each use of chance, all seeded by one.

    Parameters
    ----------
    random_state : RandomState

    device : torch.device
        Where dropout draws.
    """

    def __init__(self, random_state, device):
        seeds = random_state.randint(2**31 - 1, size=5).tolist()
        self.split_seed, self.order_seed = seeds[0], seeds[2]
        self.weights = torch.Generator().manual_seed(seeds[1])
        self.order = torch.Generator().manual_seed(self.order_seed)
        self.dropout = torch.Generator(device).manual_seed(seeds[3])
        self.augmentation = torch.Generator().manual_seed(seeds[4])


@contextmanager
def unchanged_on_error(estimator, going_on):
    """Leave no half-fitted state behind, whatever goes wrong."""
    before = dict(vars(estimator))
    # A fit that goes on from another one trains its module in place.
    module = estimator.module_ if going_on else None
    weights = copy.deepcopy(module.state_dict()) if going_on else None
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        if going_on:
            module.load_state_dict(weights)
        raise


def prepare(estimator, data, make_events, *, going_on, incremental):
    """Everything that training needs, for each net of the estimator.

    Parameters
    ----------
    estimator : BaseDeepClassifier

    data : Data

    make_events : callable
        Takes a function that returns the fitted attributes as they are.

    going_on, incremental : bool
        As in ``validate``.

    Returns
    -------
    trainings : list of Training
    """
    input_shape = data.fold.module_shape
    n_modules = estimator._count_modules(input_shape)
    modules = [None] * n_modules
    if going_on:
        before, now = estimator.module_, estimator._count_members(input_shape)
        validation.check_unchanged("n_members", now, count_members(before))
        modules = modules_of(before)
        if len(modules) != n_modules:
            now = estimator.shared_weights
            validation.check_unchanged("shared_weights", now, not now)
    nets = _nets_to_go_on(estimator) if incremental else []
    random_state = check_random_state(estimator.random_state)
    trainings = []

    def fitted_attributes():
        modules = [unpack(pack(training.net.module_)) for training in trainings]
        return data.fitted_attributes(modules)

    events = make_events(fitted_attributes)
    nets = nets or [None] * n_modules
    for member, (module, net) in enumerate(zip(modules, nets, strict=True)):
        fresh = net is None
        randomness = Randomness(random_state, data.device) if fresh else net.randomness_
        batches, held_out = make_batches(estimator, data, randomness)
        module = make_module(estimator, data, batches, randomness, module, member)
        max_iter = 1 if incremental else estimator._n_epochs(batches.n_steps)
        if fresh:
            net = make_net(
                estimator, data, batches, randomness, module, max_iter, incremental
            )
        curves = Curves()
        if going_on:
            curves = earlier_curves(estimator, incremental=incremental)
        trainings.append(
            Training(
                net,
                batches,
                held_out,
                curves,
                events if not trainings else FollowingEvents(events),
                randomness.order_seed,
                max_iter,
            )
        )
    return trainings


def make_batches(estimator, data, randomness):
    """Training batches, and held-out data with early stopping.

    Returns
    -------
    batches : Batches

    held_out : Validation or None
    """
    rows = batching.Rows(data.X, data.fold, data.dtype, data.device)
    codes, n_classes = data.targets.codes, len(data.targets.classes)
    targets = target_rows(codes, n_classes, estimator.label_smoothing, data.dtype)
    index, held_out = data.index, None
    if estimator.early_stopping:
        index, held_out = split_validation(
            data.X,
            codes,
            data.weight,
            estimator.validation_fraction,
            randomness.split_seed,
            index,
        )
        held_out = _hold_out(estimator, data, targets, held_out)
    if estimator.normalization == "batch" and len(index) == 1:
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
        _batch_size(estimator, len(index)),
        _order(estimator, data.targets, index, randomness.order),
        _augment(estimator, data, randomness.augmentation),
    )
    return batches, held_out


def _augment(estimator, data, generator):
    if estimator._input_dropout:
        n_codes = len(coded_features(data.facts["n_categories"]))
        return column_dropout(estimator._input_dropout, n_codes, generator)
    names = getattr(estimator, "augmentation", None)
    if names is None:
        return None
    return augmentation([names] if isinstance(names, str) else names, generator)


def _batch_size(estimator, n_samples):
    if estimator.solver == "lbfgs":
        return n_samples
    size = estimator.batch_size
    size = estimator._auto_batch_size(n_samples) if size == "auto" else int(size)
    return min(size, n_samples)


def _order(estimator, targets, index, generator):
    if not estimator.shuffle or estimator.solver == "lbfgs":
        generator = None
    if estimator.batch_sampler == "balanced":
        if targets.multilabel:
            raise ValueError(
                "`batch_sampler` must be None for multilabel targets. Got 'balanced'."
            )
        codes = targets.codes[index]
        return batching.balanced_order(codes, len(targets.classes), generator)
    if generator is None:
        return batching.sequential_order(len(index))
    return batching.shuffled_order(len(index), generator)


def _hold_out(estimator, data, targets, index):
    codes = data.targets.codes[index]
    weight = None if data.weight is None else data.weight[index]
    return Validation(
        batching.Rows(data.X, data.fold, data.dtype, data.device, index),
        codes,
        targets(index),
        weight,
        _score_function(estimator, data, index, codes, weight),
    )


def _score_function(estimator, data, index, codes, weight):
    """What early stopping watches: (module, logits, loss) to a number."""
    targets = data.targets
    if estimator.scoring == "loss":
        return lambda module, logits, loss: -loss
    if estimator.scoring is None:
        return lambda module, logits, loss: accuracy_score(
            codes,
            most_probable(logits, targets.multilabel),
            sample_weight=weight,
        )
    scorer = check_scoring(estimator, estimator.scoring)
    options = {} if weight is None else {"sample_weight": weight}
    X, y = data.X[index], validation.decode_targets(codes, targets.classes)

    def score(module, logits, loss):
        judged = copy.copy(estimator)
        vars(judged).update(data.fitted_attributes([module]))
        return scorer(for_encoded(judged), X, y, **options)

    return score


def for_encoded(estimator):
    """Copy of a fitted estimator that takes arrays as its module does."""
    estimator = copy.copy(estimator)
    vars(estimator).pop("feature_names_in_", None)
    estimator._columns = None
    return estimator


def make_module(estimator, data, batches, randomness, module, member):
    """Build a member, unless there is one to go on with; it learns the statistics.

    Returns
    -------
    module : Net
    """
    n_classes = len(data.targets.classes)
    config = estimator._module_config(
        data.fold.module_shape, n_classes, data.targets.multilabel, member
    )
    config.update(data.facts)
    if module is None:
        edges = find_edges(estimator, data, batches)
        if any(map(len, edges)):
            config["n_bins"] = tuple(max(0, len(cuts) - 1) for cuts in edges)
        module = allocate(build(estimator._module_name, config), data.dtype)
        initialize(module, randomness.weights, estimator.activation)
        if "n_bins" in config:
            module.standardizer.bins.set_edges(edges)
        if estimator.standardize == "robust":
            quantiles = learn_quantiles(data.X, batches.index, data.weight)
            module.standardizer.set_quantiles(torch.from_numpy(quantiles))
        module = module.to(data.device)
    else:
        if estimator.dropout == "auto":
            # It depended on the data.
            config["dropout"] = module.config["dropout"]
        for name in sorted(config):
            validation.check_unchanged(name, config[name], module.config[name])
    if module.config["standardize"] in (True, "sample"):
        # Sums are cut into as many parts as there are threads: one, for equal bits.
        with threads_for(1e6, np.inf):
            batches.learn_statistics(module.standardizer)
    return module


def find_edges(estimator, data, batches):
    """Edges of the bins of each feature; none without such an embedding."""
    if getattr(estimator, "numerical_embedding", None) is None:
        return []
    n_categories = data.facts["n_categories"] or (0,) * data.X.shape[1]
    edges = learn_edges(
        data.X, batches.index, data.weight, [n == 0 for n in n_categories]
    )
    return [cuts.tolist() for cuts in edges]


def make_net(estimator, data, batches, randomness, module, max_iter, incremental):
    """Wrap a module in a net that is ready to train.

    Returns
    -------
    net : TrainingNet
    """
    # skorch is slow to import, and nothing but training needs it.
    from skdeep._training import make_net

    use_generator(module, randomness.dropout)
    alpha = estimator._alpha(None if incremental else batches)
    speeds = None
    if estimator._relevance is not None:
        speeds = column_speeds(module, estimator._relevance)
        weight = module.linear_layers[0].weight.detach()
        weight *= speeds.to(weight)
    net = make_net(
        module,
        {
            **parameters_of(estimator),
            "alpha": alpha,
            "input_dropout": estimator._input_dropout,
            "column_speeds": speeds,
        },
        n_classes=len(data.targets.classes),
        multilabel=data.targets.multilabel,
        n_steps=None if incremental else batches.n_steps * max_iter,
        batch_size=batches.batch_size,
    )
    net.randomness_ = randomness
    return net


def _nets_to_go_on(estimator):
    """Nets of the last partial_fit, if their solvers are still there."""
    nets = getattr(estimator, "net_", [])
    nets = nets if isinstance(nets, list) else [nets]
    return nets if all(net.solver_ is not None for net in nets) else []


def earlier_curves(estimator, *, incremental):
    """What the fits before have to show, as a copy to be extended."""
    curves = Curves(
        loss=list(estimator.loss_curve_),
        n_seen=estimator.t_,
        n_without_improvement=estimator._no_improvement_count if incremental else 0,
    )
    if estimator.early_stopping and estimator.validation_scores_:
        curves.validation_score = list(estimator.validation_scores_)
        curves.validation_loss = list(estimator.validation_loss_curve_)
        curves.best_score = estimator.best_validation_score_
    if estimator.best_loss_ is not None:
        curves.best_loss = estimator.best_loss_
    return curves
