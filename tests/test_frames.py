"""Tables with categories as arrays of numbers."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from skdeep._frames import learn_columns

NAN = np.nan


def learn(X, categorical_features="from_dtype", declared=False):
    return learn_columns(X, categorical_features, declared)


def encode(X, categorical_features="from_dtype"):
    return learn(X, categorical_features).encode(X)


# Each column beside one of categories, and what becomes of it.
COLUMNS = {
    "float": (pd.Series([1.5, NAN, 2.5]), [1.5, NAN, 2.5]),
    "int": (pd.Series([1, 2, 3]), [1, 2, 3]),
    "bool": (pd.Series([True, False, True]), [1, 0, 1]),
    "nullable int": (pd.Series([1, None, 3], dtype="Int64"), [1, NAN, 3]),
    "nullable bool": (pd.Series([True, None, False], dtype="boolean"), [1, NAN, 0]),
    "objects": (pd.Series([1, None, 2.5], dtype=object), [1, NAN, 2.5]),
    "objects with NA": (pd.Series([1, pd.NA, 2.5], dtype=object), [1, NAN, 2.5]),
    "bool objects": (pd.Series([True, None, False], dtype=object), [1, NAN, 0]),
    "decimals": (pd.Series([Decimal("1.5"), None, Decimal(2)]), [1.5, NAN, 2]),
    "strings": (pd.Series(["b", None, "a"]), [1, NAN, 0]),
    "string objects": (pd.Series(["b", NAN, "a"], dtype=object), [1, NAN, 0]),
    "NA strings": (pd.Series(["b", None, "a"], dtype="string"), [1, NAN, 0]),
    "categories": (pd.Series(["b", None, "a"], dtype="category"), [1, NAN, 0]),
    "int categories": (pd.Series([7, None, 3], dtype="category"), [1, NAN, 0]),
    "intervals": (pd.cut(pd.Series([9.0, NAN, 1.0]), 3), [1, NAN, 0]),
    "mixed objects": (pd.Series(["b", 2, 1], dtype=object), [2, 1, 0]),
    "polars float": (pl.Series([1.5, None, 2.5]), [1.5, NAN, 2.5]),
    "polars int": (pl.Series([1, None, 3]), [1, NAN, 3]),
    "polars bool": (pl.Series([True, None, False]), [1, NAN, 0]),
    "polars decimal": (pl.Series([Decimal(1), None, Decimal(2)]), [1, NAN, 2]),
    "polars nothing": (pl.Series([None, None, None]), [NAN, NAN, NAN]),
    "polars string": (pl.Series(["b", None, "a"]), [1, NAN, 0]),
    "polars category": (pl.Series(["b", None, "a"], dtype=pl.Categorical), [1, NAN, 0]),
    "polars enum": (
        pl.Series(["b", None, "a"], dtype=pl.Enum(["c", "b", "a"])),
        [1, NAN, 0],
    ),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_kinds_of_columns(kind):
    column, expected = COLUMNS[kind]
    frame = pl.DataFrame if isinstance(column, pl.Series) else pd.DataFrame
    X = frame({"word": ["x", "y", "x"], "column": column})
    assert_array_equal(encode(X), np.column_stack([[0, 1, 0], expected]))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_numbers_alone_need_no_encoding(frame):
    assert learn(frame({"a": [1.5, None], "b": [True, False]})) is None
    assert learn(frame({"a": ["x", "y"]}), None) is None
    assert learn(frame({"a": ["x", "y"]}), []) is None


def test_arrays_hold_numbers_unless_told():
    X = np.array([["b", 1], ["a", None]], dtype=object)
    assert learn(X) is None
    assert_array_equal(encode(X, [0]), [[1, 1], [0, NAN]])
    assert_array_equal(encode(X.tolist(), [0]), [[1, 1], [0, NAN]])
    codes = np.array([[30, 1.5], [NAN, 2.5], [10, 3.5]])
    assert_array_equal(encode(codes, [True, False]), [[1, 1.5], [NAN, 2.5], [0, 3.5]])


@pytest.mark.parametrize(
    "choice",
    [["a", "c"], [0, 2], (0, 2), np.array([0, 2]), [True, False, True]],
    ids=str,
)
def test_ways_to_choose(choice):
    X = pd.DataFrame({"a": [5, 7], "b": [5, 7], "c": [7, 5]})
    assert_array_equal(encode(X, choice), [[0, 5, 1], [1, 7, 0]])
    assert_array_equal(learn(X, choice).is_categorical, [True, False, True])
    assert learn(X, choice).n_categories == (2, 0, 2)


@pytest.mark.parametrize("choice", [["d"], [3], [-1], [True, False], [0.5], [[0]]])
def test_choices_that_fit_no_column_are_refused(choice):
    X = pd.DataFrame({"a": [5, 7], "b": [5, 7], "c": [7, 5]})
    message = r"`categorical_features` must be .*\['a', 'b', 'c'\].* 0 to 2.* Got \["
    with pytest.raises(ValueError, match=message):
        learn(X, choice)


def test_types_may_differ_from_those_of_fit():
    X = pd.DataFrame({"word": ["x", "y"], "code": [3, 5], "number": [1.5, 2.5]})
    columns = learn(X, ["word", "code"])
    expected = columns.encode(X)
    for other in (
        X.astype(object),
        X.astype({"word": "category", "code": float, "number": str}),
        X.to_numpy(),
        X.to_numpy().tolist(),
        pl.DataFrame(X.to_dict("list")),
    ):
        assert_array_equal(columns.encode(other), expected)


def test_what_was_not_seen_is_missing():
    columns = learn(pd.DataFrame({"word": ["x", "y"]}))
    X = pd.DataFrame({"word": ["z", None, 7, "y"]})
    assert_array_equal(columns.encode(X), [[NAN], [NAN], [NAN], [1]])


def test_a_column_without_any_category():
    columns = learn(pd.DataFrame({"word": [None, None]}))
    assert columns.n_categories == (0,)
    assert_array_equal(columns.encode(pd.DataFrame({"word": ["z"]})), [[NAN]])


def test_declared_categories_count_if_asked_for():
    series = pd.Categorical(["b"], categories=["c", "b", "a"])
    enum = pl.Series(["b"], dtype=pl.Enum(["c", "b", "a"]))
    for X in (pd.DataFrame({"x": series}), pl.DataFrame({"x": enum})):
        assert learn(X).n_categories == (1,)
        assert learn(X, declared=True).n_categories == (3,)
    words = pl.Series(["b"], dtype=pl.Categorical)
    assert learn(pl.DataFrame({"x": words}), declared=True).n_categories == (1,)


@pytest.mark.parametrize(
    ("values", "got"),
    [(["1", "huge"], "'huge'"), (pd.to_datetime(["2020", "2021"]), "Timestamp")],
)
@pytest.mark.parametrize("frame", [True, False])
def test_what_is_no_number_is_named(values, got, frame):
    X = pd.DataFrame({"word": ["x", "y"], "size": [1, 2]})
    columns = learn(X)
    X["size"] = values
    name = "'size'" if frame else "1"
    with pytest.raises(ValueError, match=f"Column {name} must hold numbers.*{got}"):
        columns.encode(X if frame else X.to_numpy())


@pytest.mark.parametrize("value", [{"foo": "bar"}, 1j], ids=str)
def test_what_is_no_category_is_named(value):
    X = pd.DataFrame({"word": pd.Series([value, 2j], dtype=object)})
    with pytest.raises(ValueError, match=r"Column 'word' must hold strings.*Got"):
        learn(X, ["word"])


def test_single_precision_stays():
    X = pd.DataFrame({"word": ["x", "y"], "size": np.float32([1, 2])})
    assert encode(X).dtype == np.float32
    assert encode(X.astype({"size": np.float64})).dtype == np.float64
    assert encode(X[["word"]]).dtype == np.float64


def test_categories_of_absent_rows_are_forgotten():
    X = pd.DataFrame({"word": ["a", "b", "c", "b"], "size": [1, 2, 3, 4]})
    index = np.array([1, 2])
    columns = learn(X)
    encoded = columns.encode(X)
    columns = columns.keep_present(encoded, index)
    assert columns == learn(X.iloc[index])
    assert_array_equal(encoded[:, 0], [NAN, 0, 1, 0])
