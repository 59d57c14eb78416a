"""Rules of parameters: what they allow and what they say."""

import re
from fractions import Fraction

import numpy as np
import pytest

from skdeep._parameters import (
    Boolean,
    Callable,
    Device,
    InvalidParameterError,
    Kind,
    Number,
    OneOf,
    Sizes,
    Verbosity,
    as_sizes,
    check_parameters,
)

NO_NUMBERS = ["1", None, [1], 1j, True, np.True_, np.nan, np.array([1.0])]

ALLOWED = [
    (Number(0), [0, 0.5, np.float32(2), np.int64(3), 10**30, Fraction(1, 2)]),
    (Number(0, 1), [0, 1, 0.5]),
    (Number(0, 1, closed="left"), [0, 0.999]),
    (Number(0, 1, closed="right"), [1e-300, 1]),
    (Number(0, 1, closed="neither"), [0.001, 0.999]),
    (Number(1, integer=True), [1, 7, np.int32(5)]),
    (Number(1, integer=True, infinite=True), [1, np.inf, float("inf")]),
    (OneOf("a", None), ["a", np.str_("a"), None]),
    (Boolean(), [True, False, np.True_]),
    (Verbosity(), [True, False, 0, 3, np.int64(2)]),
    (Sizes(), [3, np.int64(3), (3, 4), [1], np.array([2, 3]), (), range(1, 3)]),
    (Sizes(empty=False), [3, (3,)]),
    (
        Sizes(length=(2, 3), scalar=False, inferred=True),
        [(1, 2), [3, 4, 5], (1, -1), (3, -1, 4), np.array([-1, 2])],
    ),
    (Kind((dict, list), "a dict"), [{}, {0: 1}, []]),
    (Callable(), [len, int]),
    (Device(), ["auto", "cpu", "cuda", "cuda:0", "cuda:12", "mps"]),
]

REFUSED = [
    (Number(0), [*NO_NUMBERS, -1e-9, np.inf]),
    (Number(0, 1), [*NO_NUMBERS, -1e-9, 1.001]),
    (Number(0, 1, closed="left"), [-1e-9, 1]),
    (Number(0, 1, closed="right"), [0, 1.001]),
    (Number(0, 1, closed="neither"), [0, 1]),
    (Number(1, integer=True), [*NO_NUMBERS, 0, -3, 1.0, np.inf]),
    (Number(0, 2**32 - 1, integer=True), [-1, 2**32, 2**80]),
    (Number(1, integer=True, infinite=True), [*NO_NUMBERS, 0, 1.5, -np.inf]),
    (OneOf("a", None), ["A", "", 0, False, [], np.array(["a", "b"])]),
    (Boolean(), [0, 1, "True", None]),
    (Verbosity(), [-1, 1.5, "yes", None]),
    (
        Sizes(),
        [0, -1, 2.5, True, "12", None, (2.0,), (3, 0), (True,), {3: 4}, [[1, 2]]],
    ),
    (Sizes(empty=False), [(), []]),
    (
        Sizes(length=(2, 3), scalar=False, inferred=True),
        [5, (1,), (-1, -1), (1, 2, 3, 4), (0, -1), (-2, 1), (1.5, 2)],
    ),
    (Kind((dict, int), "a dict"), ["a", None, True]),
    (Callable(), ["len", None, 3]),
    (
        Device(),
        ["gpu", "CPU", "", "cpu:", "cpu:0", "auto:", "mps:1", 0, None],
    ),
    (
        Device(),
        ["cuda:", "cuda:x", "cuda:-1"],
    ),
]


def cases(table):
    return [
        pytest.param(rule, value, id=f"{rule}-{value!r}")
        for rule, values in table
        for value in values
    ]


@pytest.mark.parametrize(("rule", "value"), cases(ALLOWED))
def test_rule_allows(rule, value):
    assert rule.allows(value)


@pytest.mark.parametrize(("rule", "value"), cases(REFUSED))
def test_rule_refuses(rule, value):
    assert not rule.allows(value)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Number(0), "a number at least 0"),
        (Number(0, closed="right"), "a number greater than 0"),
        (Number(0, 1, closed="left"), "a number at least 0 and less than 1"),
        (Number(0, 1, closed="neither"), "a number greater than 0 and less than 1"),
        (Number(2, 5, integer=True), "an integer at least 2 and at most 5"),
        (Number(1, integer=True), "a positive integer"),
        (
            Number(1, integer=True, infinite=True),
            "a positive integer or numpy.inf",
        ),
        (OneOf("a", "b", None), "'a', 'b' or None"),
        (OneOf(None), "None"),
        (Boolean(), "True or False"),
        (Verbosity(), "a boolean or a non-negative integer"),
        (Sizes(), "a positive integer or a sequence of positive integers"),
        (
            Sizes(empty=False),
            "a positive integer or a non-empty sequence of positive integers",
        ),
        (
            Sizes(length=(2, 3), scalar=False, inferred=True),
            "a sequence of positive integers of length 2 or 3, one of them -1 at most",
        ),
        (Kind(dict, "a dict"), "a dict"),
        (Callable(), "a callable"),
    ],
)
def test_rule_in_words(rule, words):
    assert str(rule) == words


def test_sizes_leave_the_value_as_it_is():
    shape = [-1, 3]
    Sizes(length=(2,), inferred=True).allows(shape)
    assert shape == [-1, 3]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [(3, (3,)), ([3, 4], (3, 4)), ((), ()), (np.array([5, 6]), (5, 6))],
)
def test_as_sizes(sizes, expected):
    got = as_sizes(sizes)
    assert got == expected
    assert all(type(size) is int for size in got)


def test_parameters_within_their_rules_pass():
    check_parameters({"a": 1, "b": "x"}, {"a": [Number(0)], "b": [OneOf("x")]})


def test_any_of_several_rules_suffices():
    rules = {"batch_size": [Number(1, integer=True), OneOf("auto")]}
    check_parameters({"batch_size": "auto"}, rules)
    check_parameters({"batch_size": 3}, rules)


def test_message_has_rule_then_value():
    rules = {"batch_size": [Number(1, integer=True), OneOf("auto")]}
    message = "`batch_size` must be a positive integer or 'auto'. Got -3."
    with pytest.raises(InvalidParameterError, match=f"^{re.escape(message)}$"):
        check_parameters({"batch_size": -3}, rules)


@pytest.mark.parametrize("caught_as", [ValueError, TypeError])
def test_both_habits_of_scikit_learn_catch_it(caught_as):
    with pytest.raises(caught_as, match="`a` must be True or False"):
        check_parameters({"a": "no"}, {"a": [Boolean()]})
