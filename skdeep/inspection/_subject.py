"""What is explained: a net, the rows it is asked about, and where these came from."""

from functools import cached_property

import numpy as np
import torch
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from sklearn.utils import Bunch, gen_batches
from sklearn.utils.validation import check_is_fitted

from skdeep._base import BaseDeepClassifier
from skdeep._batches import Rows
from skdeep._frames import is_frame
from skdeep._inference import forward
from skdeep._members import modules_of
from skdeep._threads import TRAINING, threads_for
from skdeep.inspection._layout import sample_layout
from skdeep.inspection._small_convolutions import speed_up
from skdeep.modules import Ensemble
from skdeep.modules.blocks import fuse

_SCALERS = (StandardScaler, MinMaxScaler, RobustScaler, MaxAbsScaler)
# Values in the widest layer of one chunk; a gradient keeps those of all layers.
_CHUNK = 2**19


class Subject:
    """A fitted estimator and rows to explain.

    All that changes a net is done to a copy, so that the estimator stays as it is.
    The output that is explained is one number for each class: its logit or, of two
    classes, its logit minus that of the other, as only the difference has a meaning.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A classifier of skdeep, or a Pipeline that ends in one.

    X : array-like or data frame
        As ``predict`` takes it.

    Attributes
    ----------
    net : BaseDeepClassifier
        The classifier. What it is asked here, it is not asked itself.

    fitted : Net
        What it has learned, in eval mode, on the CPU, to be read and called only.

    module : Net
        A copy of `fitted`, without gradients of weights.

    X : array-like or data frame
        What attributions belong to: the input, or the output of the last step of the
        Pipeline that mixes columns.

    space : str
        "input", or which step `X` is the output of.

    feature_names : ndarray of str or None
        Names of the columns of `X`.

    flat : ndarray or CSR of shape (n_samples, n_features)
        The rows as the net takes them, categories as codes.

    fold : Fold
        How a row of `flat` becomes an input of the module.
    """

    def __init__(self, estimator, X):
        self.steps, self.net = take_apart(estimator)
        n_mixing = count_mixing(self.steps)
        self._mapped = self.steps[n_mixing:]
        self.X = _as_array(transform(self.steps[:n_mixing], X))
        self.space, names = "input", getattr(self.net, "feature_names_in_", None)
        if n_mixing:
            name, step = self.steps[n_mixing - 1]
            self.space = f"output of {name!r}"
            names = _names_out(step)
        if is_frame(self.X):
            names = self.X.columns
        elif names is not None and len(names) != self.X.shape[1]:
            # Those of the columns that a later step has selected.
            names = None
        self.feature_names = None if names is None else np.array(list(map(str, names)))
        self.fold = self.net._fold
        self.flat = self.net._check_X(transform(self._mapped, self.X))
        on_cpu = self.net.module_.device.type == "cpu"
        self.fitted = self.net.module_ if on_cpu else self.net.to_module()

    @cached_property
    def module(self):
        # Not every explanation needs it, and it takes longer than to explain a few rows
        # of a table.
        return self.net.to_module().requires_grad_(False)

    @property
    def _members(self):
        return modules_of(self.module)

    @property
    def n_samples(self):
        """Number of rows."""
        return self.flat.shape[0]

    def flatten(self, X):
        """Other rows, which look like those given, as the net takes them."""
        return self.net._check_X(transform(self.steps, X))

    def tensors(self, flat):
        """``Rows`` of what ``flatten`` returns."""
        device = torch.device("cpu")
        return Rows(flat, self.fold, self.fitted.dtype, device)

    @property
    def is_pair(self):
        """Whether there are two classes, of which each is what the other isn't."""
        return len(self.net.classes_) == 2 and not self.net._multilabel

    @property
    def holds_tokens(self):
        """Whether the input is codes of tokens."""
        return self.net._input_format.tokens

    @property
    def is_categorical(self):
        """Which columns of `flat` are codes of categories, ndarray of bool."""
        columns = self.net._columns
        if columns is None:
            return np.zeros(self.flat.shape[1], dtype=bool)
        return columns.is_categorical

    def outputs(self, logits):
        """Turn logits, an ndarray or a Tensor, into what is explained."""
        if self.is_pair:
            return logits - logits[:, [1, 0]]
        return logits

    def decide(self, flat):
        """What is explained of rows as the net takes them, float64."""
        return self.outputs(forward(self.fitted, self.tensors(flat)))

    def lighten(self):
        """Let ``read`` take float32 from now on, for gradients that need few digits.

        ``enter`` stays as it is: raw input may need them all. Nothing else of the net
        can be asked for afterwards.
        """
        fuse(self.module)
        for member in self._members:
            for layer in member.children():
                if layer not in member.entry:
                    layer.float()
            speed_up(member)

    def codes(self, target):
        """Positions in ``classes_`` of the explained classes.

        Parameters
        ----------
        target : label, array-like of n_samples labels, or None
            None is the most probable class, or label of several, of each row.

        Returns
        -------
        codes : ndarray of int, (n_samples,)
        """
        if target is None:
            return self.decide(self.flat).argmax(1)
        labels = np.asarray(target)
        classes = self.net.classes_.tolist()
        codes = dict(zip(classes, range(len(classes)), strict=True))
        known = labels.shape in ((), (self.n_samples,)) and all(
            label in codes for label in np.ravel(labels).tolist()
        )
        if not known:
            raise ValueError(
                f"`target` must be None, one of the classes {classes}, or an array of "
                f"{self.n_samples} of them. Got {target!r}."
            )
        found = np.array([codes[label] for label in np.ravel(labels).tolist()])
        return np.resize(found, self.n_samples)

    def enter(self, x):
        """What the layers with weights see; where all is numbers, without gaps.

        Parameters
        ----------
        x : Tensor of shape (n_samples, *module_shape)

        Returns
        -------
        encoded : tuple of Tensor
            One for each member of an ensemble.

        present : tuple
            Nothing, or a mask that is False at padding.
        """
        pairs = [member.enter(x) for member in self._members]
        present = pairs[0][1]
        return tuple(z for z, _ in pairs), () if present is None else (present,)

    def read(self, *parts):
        """Turn what ``enter`` returned, one after the other, into ``outputs``."""
        n_members = len(self._members)
        logits = [
            member.read(z, *parts[n_members:])
            for member, z in zip(self._members, parts, strict=False)
        ]
        return self.join(logits)

    def join(self, logits):
        """Turn logits of each member into ``outputs``."""
        if isinstance(self.fitted, Ensemble):
            return self.outputs(self.fitted.combine(torch.stack(logits)))
        return self.outputs(logits[0])

    def gradients(self, encoded, present, wanted, read=None):
        """Yield gradients of the explained outputs.

        Parameters
        ----------
        encoded, present : tuple of Tensor
            As ``enter`` returns them.

        wanted : list of Tensor of int64, (n_samples,)
            Which classes are explained.

        read : callable or None
            What to call in place of ``read``.

        Yields
        ------
        gradients : tuple of Tensor
            For each one of `wanted`, of the shapes of `encoded`.
        """
        encoded = tuple(z.detach().requires_grad_() for z in encoded)
        outputs = (read or self.read)(*encoded, *present)
        for i, codes in enumerate(wanted):
            explained = outputs.gather(1, codes[:, None]).sum()
            more = i + 1 < len(wanted)
            yield torch.autograd.grad(explained, encoded, retain_graph=more)

    def collect(self, values):
        """Sum what belongs to ``encoded`` for each value of ``flat``.

        Parameters
        ----------
        values : tuple of Tensor
            Of the shapes of `encoded`.

        Returns
        -------
        flat : ndarray of shape (n_samples, n_features), float64
        """
        parts = zip(self._members, values, strict=True)
        return self.unfold(sum(member.collect(part) for member, part in parts))

    def spread(self, values):
        """Give each part of ``encoded`` what its value of the input has.

        Parameters
        ----------
        values : Tensor of shape (n_samples, *module_shape)

        Returns
        -------
        parts : tuple of Tensor
            One for each member of an ensemble; they broadcast to ``encoded``.
        """
        return tuple(member.spread(values) for member in self._members)

    def unfold(self, values):
        """Flatten a Tensor of shape (n_samples, *module_shape), to float64."""
        if self.fold.channels_last:
            values = values.movedim(1, -1)
        return values.detach().flatten(1).double().numpy()

    @property
    def n_at_once(self):
        """How many rows fit into memory."""
        return max(1, _CHUNK // self.fitted.row_size)

    def chunks(self, copies=1, n_rows=None):
        """Yield slices of rows that fit into memory.

        Parameters
        ----------
        copies : int
            How many copies of each row are computed at once.

        n_rows : int or None
            How many rows there are; None is all.
        """
        n_rows = self.n_samples if n_rows is None else n_rows
        size = max(1, self.n_at_once // copies)
        # Once forward, and twice as much backward.
        n_operations = 6 * self.fitted.n_operations * copies * size
        with threads_for(n_operations, TRAINING):
            yield from gen_batches(n_rows, size)

    def place(self, flat, slope=False):
        """Give attributions of ``flat`` the shape of ``X``.

        Parameters
        ----------
        flat : ndarray of shape (n_samples, n_features)

        slope : bool
            Whether they are derivatives, which scaling changes.

        Returns
        -------
        attributions : ndarray of the shape of `X`
        """
        for _, step in reversed(self._mapped):
            if isinstance(step, SelectorMixin):
                kept, selected = step.get_support(), flat
                flat = np.zeros((len(flat), len(kept)))
                flat[:, kept] = selected
            elif slope and isinstance(step, _SCALERS):
                flat = flat * _slope(step)
        return flat.reshape(self.X.shape)

    def result(self, method, flat, codes, slope=False, **more):
        """Bunch that a function returns, of attributions of ``flat``."""
        return Bunch(
            attributions=self.place(flat, slope),
            target=self.net.classes_[codes],
            method=method,
            **self.described(),
            **more,
        )

    def described(self):
        """What every result tells of its input, a dict."""
        shape, axes = sample_layout(self.net, self.X)
        return {
            "X": self.X,
            "shape": shape,
            "axes": axes,
            "input_shape": self.fold.module_shape,
            "channels": "last" if self.fold.channels_last else "first",
            "feature_names": self.feature_names,
            "space": self.space,
        }


def take_apart(estimator):
    """Steps before the net, as pairs of name and transformer, and the net."""
    steps, net = [], estimator
    while isinstance(net, Pipeline):
        steps += [(name, step) for name, step in net.steps[:-1] if _acts(step)]
        net = net.steps[-1][1]
    if not isinstance(net, BaseDeepClassifier):
        raise TypeError(
            "`estimator` must be a classifier of skdeep, or a Pipeline that ends in "
            f"one. Got {estimator!r}."
        )
    check_is_fitted(net)
    return steps, net


def _acts(step):
    """Whether a step changes X when the Pipeline predicts; samplers don't."""
    return step not in (None, "passthrough") and not hasattr(step, "fit_resample")


def count_mixing(steps):
    """Number of steps up to the last one that attributions can't be mapped through."""
    n = len(steps)
    while n and _keeps_columns_apart(steps[n - 1][1]):
        n -= 1
    return n


def _keeps_columns_apart(step):
    if isinstance(step, _SCALERS):
        return not getattr(step, "clip", False)
    return isinstance(step, SelectorMixin)


def _slope(scaler):
    """Derivative of each column of the output of a scaler."""
    if scaler.scale_ is None:
        return 1.0
    return scaler.scale_ if isinstance(scaler, MinMaxScaler) else 1.0 / scaler.scale_


def transform(steps, X):
    """Walk `X` through the steps before a net."""
    for _, step in steps:
        X = step.transform(X)
    return X


def _as_array(X):
    """Lists as arrays; what has a shape stays as it is."""
    return X if hasattr(X, "shape") else np.asarray(X)


def _names_out(step):
    return (
        step.get_feature_names_out() if hasattr(step, "get_feature_names_out") else None
    )
