"""Plain values go to JSON and back as they are."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skdeep._archive import ArchiveError
from skdeep.persistence._plain import NotPlainError, decode, encode


def there_and_back(value):
    arrays, used = {}, set()
    text = json.dumps(encode(value, ("value",), arrays), allow_nan=False)
    result = decode(json.loads(text), arrays, used)
    assert used == set(arrays)
    return result


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(2**80),
        0.1,
        1e-308,
        float("inf"),
        "ü \ud800",
        b"\0\xff",
        (1, (2.0, [None, "x"])),
        {"a": 1, "$array": (2,)},
        {1: "one", None: 2, ("a", 3): [4], 0.5: {}, b"k": True},
        np.float64(0.1),
        np.float32(0.1),
        np.int8(-3),
        np.bool_(True),
        np.str_("text"),
    ],
)
def test_value_comes_back_with_its_type(value):
    result = there_and_back(value)
    assert result == value
    assert type(result) is type(value)


def test_nan_comes_back():
    assert np.isnan(there_and_back(float("nan")))
    assert np.isnan(there_and_back(np.float32("nan")))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.array(3),
        np.zeros((0, 4), np.float32),
        np.array([True, False]),
        np.arange(3, dtype=">i4"),
        np.arange(10, dtype=np.uint16)[::2],
        np.array(["a", "long text"]),
        np.array(["a"], dtype="U2000"),
        np.array([["a", 1], [None, 2.5]], dtype=object),
        np.array([], dtype=object),
    ],
)
def test_array_comes_back(array):
    result = there_and_back(array)
    assert_array_equal(result, array)
    assert result.shape == array.shape
    assert result.dtype.kind == array.dtype.kind
    assert result.flags.writeable


def test_arrays_of_one_name_are_kept_apart():
    value = {"a/b": np.zeros(2), "a": {"b": np.ones(3)}}
    result = there_and_back(value)
    assert_array_equal(result["a/b"], np.zeros(2))
    assert_array_equal(result["a"]["b"], np.ones(3))


def test_random_state_goes_on_where_it_was():
    random_state = np.random.RandomState(3)
    random_state.standard_normal(7)
    result = there_and_back(random_state)
    assert_array_equal(result.standard_normal(9), random_state.standard_normal(9))


@pytest.mark.parametrize(
    "value", [len, object(), {1, 2}, 1j, np.array([1j]), np.array([len]), [{"a": len}]]
)
def test_what_is_not_plain_is_refused(value):
    with pytest.raises(NotPlainError, match="is no plain value"):
        encode(value, ("value",), {})


@pytest.mark.parametrize(
    "encoded",
    [
        {"$unknown": 1},
        {"$tuple": 3},
        {"$tuple": [], "more": 1},
        {"$array": "none"},
        {"$array": []},
        {"$float": "1e5"},
        {"$bytes": "xyz"},
        {"$scalar": ["O", 1]},
        {"$scalar": ["<f8", "1"]},
        {"$scalar": 1},
        {"$values": ["<f8", [1], [1.0]]},
        {"$values": ["<U1", [2], ["a"]]},
        {"$values": ["<U1", [1], [1]]},
        {"$values": ["|O", [10**30], []]},
        {"$dict": [[1]]},
        {"$dict": [[[], 1]]},
        {"$RandomState": {"$tuple": []}},
        {"$RandomState": 5},
    ],
)
def test_what_is_never_written_is_refused(encoded):
    with pytest.raises(ArchiveError, match="it holds no value"):
        decode(encoded, {}, set())


def test_the_file_does_not_say_how_much_memory_texts_take():
    encoded = {"$values": ["<U100000000", [2], ["a", "b"]]}
    assert decode(encoded, {}, set()).nbytes < 10_000


@pytest.mark.parametrize("position", [-1, 625, 10**9])
def test_a_random_state_that_would_read_beyond_its_memory_is_refused(position):
    arrays = {}
    encoded = encode(np.random.RandomState(0), (), arrays)
    encoded["$RandomState"]["$tuple"][2] = position
    with pytest.raises(ArchiveError, match="Mersenne"):
        decode(encoded, arrays, set())
