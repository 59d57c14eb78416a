"""Rules for constructor parameters, checked in ``fit``."""

import re
from numbers import Integral, Real

import numpy as np


class InvalidParameterError(ValueError, TypeError):
    """A parameter breaks its rule; both of scikit-learn's habits catch it."""


class Number:
    """A real number, or an integer, within bounds.

    Parameters
    ----------
    low, high : float
        Bounds.

    closed : {"both", "left", "right", "neither"}
        Which bounds belong to the interval.

    integer : bool
        Whether only integers are allowed.

    infinite : bool
        Whether infinity is allowed too.
    """

    def __init__(self, low, high=None, closed="both", integer=False, infinite=False):
        self.low, self.high, self.closed = low, high, closed
        self.kind = Integral if integer else Real
        self.infinite = infinite

    def allows(self, value):
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
            return False
        if self.infinite and value == np.inf:
            return True
        if not isinstance(value, self.kind) or value != value or abs(value) == np.inf:
            return False
        above = (
            value >= self.low if self.closed in ("both", "left") else value > self.low
        )
        if self.high is None:
            return above
        below = (
            value <= self.high
            if self.closed in ("both", "right")
            else value < self.high
        )
        return above and below

    def __str__(self):
        noun = "an integer" if self.kind is Integral else "a number"
        greater = "at least" if self.closed in ("both", "left") else "greater than"
        rule = f"{noun} {greater} {self.low}"
        if self.kind is Integral and self.high is None and self.low == 1:
            rule = "a positive integer"
        if self.high is not None:
            less = "at most" if self.closed in ("both", "right") else "less than"
            rule += f" and {less} {self.high}"
        return rule + (" or numpy.inf" if self.infinite else "")


class OneOf:
    """One of the listed values."""

    def __init__(self, *values):
        self.values = values

    def allows(self, value):
        return any(
            value is option or (isinstance(value, str) and value == option)
            for option in self.values
        )

    def __str__(self):
        *others, last = map(repr, self.values)
        return f"{', '.join(others)} or {last}" if others else last


class Several:
    """One of the listed strings, or a sequence of some of them."""

    def __init__(self, *names):
        self.names = names

    def allows(self, value):
        if isinstance(value, str):
            return value in self.names
        if not isinstance(value, (list, tuple)):
            return False
        return all(isinstance(name, str) and name in self.names for name in value)

    def __str__(self):
        *others, last = map(repr, self.names)
        return f"{', '.join(others)}, {last} or a list of these"


class Boolean:
    """True or False."""

    def allows(self, value):
        return isinstance(value, (bool, np.bool_))

    def __str__(self):
        return "True or False"


class Verbosity(Boolean):
    """A boolean or a non-negative integer."""

    def allows(self, value):
        return super().allows(value) or (isinstance(value, Integral) and value >= 0)

    def __str__(self):
        return "a boolean or a non-negative integer"


class Sizes:
    """A positive integer or a sequence of them.

    Parameters
    ----------
    length : tuple of int or None
        Allowed lengths of the sequence.

    empty : bool
        Whether the sequence may be empty.

    scalar : bool
        Whether a lone integer is allowed.

    inferred : bool
        Whether one entry may be -1, to be inferred.
    """

    def __init__(self, length=None, empty=True, scalar=True, inferred=False):
        self.length, self.empty, self.scalar = length, empty, scalar
        self.inferred = inferred

    def allows(self, value):
        size = Number(1, integer=True)
        if isinstance(value, Integral):
            return self.scalar and size.allows(value)
        if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__iter__"):
            return False
        value = list(value)
        if self.length is not None and len(value) not in self.length:
            return False
        if self.inferred and -1 in value:
            value.remove(-1)
        return (bool(value) or self.empty) and all(map(size.allows, value))

    def __str__(self):
        rule = "a sequence of positive integers"
        if self.length is not None:
            rule += f" of length {' or '.join(map(str, self.length))}"
            rule += ", one of them -1 at most" if self.inferred else ""
        elif not self.empty:
            rule = "a non-empty sequence of positive integers"
        return f"a positive integer or {rule}" if self.scalar else rule


class Features:
    """A list of features; which one X must have is for ``fit`` to say."""

    def allows(self, value):
        text = isinstance(value, (str, bytes, dict))
        return not text and hasattr(value, "__iter__")

    def __str__(self):
        return "a list of names, of positions or of booleans"


def as_sizes(sizes):
    """Turn an integer or a sequence of them into a tuple of int."""
    sizes = sizes if hasattr(sizes, "__iter__") else (sizes,)
    return tuple(int(size) for size in sizes)


def is_auto(size):
    """Whether a parameter, which may be an array, is "auto"."""
    # An array would compare element by element.
    return isinstance(size, str) and size == "auto"


class Kind:
    """An instance of the given types, described in words."""

    def __init__(self, types, words):
        self.types, self.words = types, words

    def allows(self, value):
        return isinstance(value, self.types) and not isinstance(value, bool)

    def __str__(self):
        return self.words


class Callable:
    """Anything that can be called."""

    def allows(self, value):
        return callable(value)

    def __str__(self):
        return "a callable"


class Callbacks:
    """A list of skorch's callbacks, each alone or as a pair with its name."""

    def allows(self, value):
        return isinstance(value, (list, tuple)) and all(map(self._is_callback, value))

    def _is_callback(self, item):
        if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
            item = item[1]
        # Told by its hooks: importing skorch takes long.
        return hasattr(item, "on_train_begin") and hasattr(item, "on_epoch_end")

    def __str__(self):
        return "a list of skorch callbacks"


class Device:
    """A device name that torch understands."""

    def allows(self, value):
        if not isinstance(value, str):
            return False
        return re.fullmatch("auto|cpu|cuda(:[0-9]+)?|mps", value) is not None

    def __str__(self):
        return "'auto', 'cpu', 'cuda', 'cuda:<index>' or 'mps'"


def parameters_of(estimator):
    """As ``get_params(deep=False)``, which reads the signature each time."""
    return {name: getattr(estimator, name) for name in estimator._rules}


def check_parameters(parameters, rules):
    """Raise for the first parameter that satisfies none of its rules.

    Parameters
    ----------
    parameters : dict
        Name to value.

    rules : dict
        Name to a list of rules.

    Raises
    ------
    InvalidParameterError
        Says the rule first, then the value got.
    """
    for name, alternatives in rules.items():
        value = parameters[name]
        if not any(rule.allows(value) for rule in alternatives):
            rule = " or ".join(str(rule) for rule in alternatives)
            raise InvalidParameterError(f"`{name}` must be {rule}. Got {value!r}.")
