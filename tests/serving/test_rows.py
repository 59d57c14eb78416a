"""What clients may send, and what they are told if they mayn't."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skdeep.serving import create_app
from skdeep.serving.errors import RequestError
from skdeep.serving.rows import RowReader

NAMES = ["alcohol", "ash", "hue", "year"]
GOOD = [13.2, 2.3, "deep", 2001]
PLACE = {name: position for position, name in enumerate(NAMES)}


def predicted(client, instances):
    answer = client.post("/predict", json={"instances": instances})
    assert answer.status_code == 200, answer.text
    return [entry["probabilities"] for entry in answer.json()["predictions"]]


def refused(client, instances):
    body = json.dumps({"instances": instances})
    answer = client.post("/predict", content=body)
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]


def with_value(name, value):
    row = list(GOOD)
    row[PLACE[name]] = value
    return row


def test_rows_as_lists_and_as_objects(cancer, client):
    talk = client(cancer.app())
    expected = cancer.net.predict_proba(cancer.X[:5])
    lists = cancer.X[:5].to_numpy().tolist()
    objects = cancer.X[:5].to_dict("records")
    assert_allclose(predicted(talk, lists), expected, atol=1e-6)
    assert_allclose(predicted(talk, objects), expected, atol=1e-6)
    shuffled = [dict(reversed(row.items())) for row in objects]
    assert_allclose(predicted(talk, shuffled), expected, atol=1e-6)


def test_images_flat_and_folded(digits, client):
    talk = client(digits.app())
    X, expected = digits.X[:3], digits.net.predict_proba(digits.X[:3])
    assert_allclose(predicted(talk, X.tolist()), expected, atol=1e-5)
    folded = X.reshape(-1, 1, 8, 8).tolist()
    assert_allclose(predicted(talk, folded), expected, atol=1e-5)
    mixed = [X[0].tolist(), *folded[1:]]
    assert_allclose(predicted(talk, mixed), expected, atol=1e-5)


def test_columns_of_every_kind(wine, client):
    talk = client(wine.app())
    X = wine.X[:12].copy()
    X.loc[3, "hue"] = None
    rows = [
        [None if value != value else value for value in row]
        for row in X.astype(object).to_numpy().tolist()
    ]
    expected = wine.net.predict_proba(X)
    assert_allclose(predicted(talk, rows), expected, atol=1e-6)
    objects = [
        {name: v for name, v in zip(NAMES, row, strict=True) if v is not None}
        for row in rows
    ]
    assert_allclose(predicted(talk, objects), expected, atol=1e-6)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_what_may_miss_may_be_null_or_nan(missing, cancer, client):
    talk = client(cancer.app())
    row = cancer.X.iloc[0].to_numpy().copy()
    row[4] = np.nan
    expected = cancer.net.predict_proba(
        cancer.X.iloc[:1].assign(**{"mean smoothness": np.nan})
    )
    sent = row.tolist()
    sent[4] = missing
    body = json.dumps({"instances": [sent, sent]})
    answer = talk.post("/predict", content=body).json()["predictions"]
    assert_allclose(answer[1]["probabilities"], expected[0], atol=1e-6)


def test_categories_that_training_did_not_see(wine, client):
    row = with_value("hue", "blue")
    message = refused(client(wine.app()), [row])
    assert "`hue` of row 0 must be one of ['deep', 'medium', 'pale']" in message
    assert "Got 'blue'" in message
    open_minded = client(wine.app(unknown_categories=True))
    X = wine.X[:1].assign(alcohol=13.2, ash=2.3, hue="blue", year=1999)
    got = predicted(open_minded, [[*with_value("hue", "blue")[:3], 1999]])
    assert_allclose(got, wine.net.predict_proba(X), atol=1e-6)
    # Half of a surrogate pair is no text that a model could be given.
    assert "`hue`" in refused(open_minded, [with_value("hue", "\ud800")])


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("alcohol", "strong", "`alcohol` of row 1 must be a finite number, or null"),
        ("alcohol", "13.2", "Got '13.2'"),
        ("alcohol", [1], r"Got [1]"),
        ("alcohol", {}, "Got {}"),
        ("alcohol", float("inf"), "`alcohol` of row 1 must be a finite number"),
        ("alcohol", 10**400, "`alcohol` of row 1 must be a finite number"),
        ("hue", 3, "`hue` of row 1 must be one of"),
        ("hue", ["deep"], "`hue` of row 1 must be one of"),
        ("year", "2001", "`year` of row 1 must be one of [2000, 2001], or null"),
    ],
)
def test_wrong_value_is_named(name, value, expected, wine, client):
    assert expected in refused(client(wine.app()), [GOOD, with_value(name, value)])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], "at least one row"),
        ({}, "The rows must be a list. Got {}"),
        ("abc", "The rows must be a list"),
        ([GOOD, GOOD[:3]], "Row 1 must have 4 values (alcohol, ash, hue, year). Got 3"),
        ([GOOD, 7], "Row 1 must be a list"),
        ([7], "Row 0 must be a list"),
        ([{"alcohol": 1.0, "wine": 2}], "'wine' in row 0 must be one of the columns"),
        ([dict(zip(NAMES, GOOD, strict=True)), GOOD], "Row 1 must be an object"),
    ],
)
def test_wrong_rows_of_columns(rows, expected, wine, client):
    assert expected in refused(client(wine.app()), rows)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1.0] * 63], "Each row must have 64 values, flat or nested as 1x8x8. Got 63"),
        ([[1.0] * 64, [1.0] * 63], "Row 1 must have 64 values"),
        ([1.0] * 64, "Got single numbers"),
        ([[[1.0] * 8] * 8], "Each row must have 64 values"),
        ([[[[1.0] * 8] * 8], [[1.0] * 8] * 7], "Row 1 must have 64 values"),
        ([[1.0] * 63 + [None]], "feature 63 of row 0 must be a finite number"),
        ([[1.0] * 63 + [1e300]], "feature 63 of row 0 must be a finite number"),
        ([[1.0] * 63 + ["a"]], "feature 63 of row 0 must be a finite number"),
        ([{"x0": 1}], "Rows must be lists of values"),
    ],
)
def test_wrong_rows_of_numbers(rows, expected, digits, client):
    assert expected in refused(client(digits.app()), rows)


def test_required_column_that_is_missing(cancer, client):
    served = cancer.served()
    fields = [field._replace(missing=False) for field in served.signature.fields]
    served.signature = served.signature._replace(fields=tuple(fields))
    talk = client(create_app(served))
    (row,) = cancer.X[:1].to_dict("records")
    row.pop("mean area")
    assert refused(talk, [row]) == "`mean area` must be given in row 0. It is missing."
    row["mean area"] = None
    assert "`mean area` of row 0 must be a finite number. Got None" in refused(
        talk, [row]
    )


def test_tokens(tokens, client):
    talk = client(tokens.app())
    assert_allclose(
        predicted(talk, tokens.X[:4].tolist()),
        tokens.net.predict_proba(tokens.X[:4]),
        atol=1e-5,
    )
    # Codes beyond the vocabulary are unknown tokens, however far.
    far = [[10**12, 2, 3, 4, 5.0, 0], [1e300, 2, 3, 4, 5, 0]]
    assert_allclose(
        predicted(talk, far), [*tokens.net.predict_proba(far[:1])] * 2, atol=1e-5
    )
    for wrong in (-1, 1.5, "the", None):
        message = refused(talk, [[1, 2, wrong, 4, 5, 6]])
        assert "feature 2 of row 0 must be a non-negative integer" in message


def test_several_labels(several, client):
    talk = client(several.app())
    answer = talk.post("/predict", json={"instances": several.X[:6].tolist()}).json()
    labels = [entry["label"] for entry in answer["predictions"]]
    assert labels == several.net.predict(several.X[:6]).tolist()


def test_arrays_of_other_types(cancer):
    reader = RowReader(cancer.served().signature)
    X = cancer.X[:3].to_numpy()
    for array in (X.astype(np.float32), np.asfortranarray(X), X.astype(int)):
        (rows,) = reader.matrix(array)
        assert rows.dtype == np.float64
        assert rows.flags.c_contiguous
        assert_allclose(rows, array)


def test_arrays_without_rows(cancer, wine):
    for saved in (cancer, wine):
        signature = saved.served().signature
        empty = np.empty((0, len(signature.fields)))
        with pytest.raises(RequestError, match="at least one row"):
            RowReader(signature).matrix(empty)


def test_torch_engine_gives_the_same(wine, cancer, tokens, client):
    for saved in (wine, cancer, tokens):
        rows = saved.X[:4] if saved is tokens else saved.X[:4].astype(object)
        rows = [
            [None if v != v else v for v in row] for row in np.asarray(rows).tolist()
        ]
        onnx = predicted(client(saved.app()), rows)
        app = create_app(saved.served(engine="torch"))
        assert_allclose(predicted(client(app), rows), onnx, atol=1e-6)
