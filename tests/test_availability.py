"""What is not there: methods that parameters take away, and optional packages."""

import inspect
import pickle
import sys

import pytest

from skdeep import DeepCNNClassifier, DeepMLPClassifier, DeepRNNClassifier
from skdeep._availability import UnavailableMethodError, available_unless, optional

CLASSES = [DeepMLPClassifier, DeepCNNClassifier, DeepRNNClassifier]


class Door:
    def __init__(self, locked=False):
        self.locked = locked

    @available_unless(lambda door: "It is locked." if door.locked else None)
    def open(self, wide=False):
        """Open it."""
        return self, wide


def test_method_is_there_without_a_reason():
    door = Door()
    assert hasattr(door, "open")
    assert door.open(wide=True) == (door, True)


def test_method_is_missing_while_there_is_a_reason():
    door = Door(locked=True)
    assert not hasattr(door, "open")
    door.locked = False
    assert hasattr(door, "open")


@pytest.mark.parametrize("caught_as", [AttributeError, ValueError])
def test_reason_is_told(caught_as):
    with pytest.raises(caught_as, match=r"^It is locked\.$"):
        Door(locked=True).open()


def test_class_shows_the_method_as_it_was_written():
    assert Door.open.__doc__ == "Open it."
    assert Door.open.__name__ == "open"
    assert list(inspect.signature(Door.open).parameters) == ["self", "wide"]
    assert list(inspect.signature(Door().open).parameters) == ["wide"]


def test_error_can_travel_between_processes():
    error = pickle.loads(pickle.dumps(UnavailableMethodError("It is locked.")))
    assert str(error) == "It is locked."


@pytest.mark.parametrize("estimator", CLASSES)
def test_partial_fit_follows_the_parameters(estimator):
    assert hasattr(estimator(), "partial_fit")
    for parameters, reason in (
        ({"solver": "lbfgs"}, "lbfgs is not stochastic"),
        ({"early_stopping": True}, "does not support early_stopping=True"),
    ):
        clf = estimator(**parameters)
        assert not hasattr(clf, "partial_fit")
        with pytest.raises(AttributeError, match=reason):
            clf.partial_fit([[1.0]], [0], classes=[0, 1])


def test_package_that_is_missing_is_named_with_its_extra(monkeypatch):
    assert optional("math", "export").pi > 3
    for name in ("skops", "skops.io"):
        monkeypatch.setitem(sys.modules, name, None)
    message = r"needs skops, which .* pip install 'skdeep\[export\]'"
    with pytest.raises(ImportError, match=message):
        optional("skops.io", "export")
