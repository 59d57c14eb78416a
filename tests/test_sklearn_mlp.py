"""scikit-learn's own tests of MLPClassifier, with only the class swapped.

The test module of the installed scikit-learn is run again with another class under the
name MLPClassifier; left out are tests of the regressor and of private attributes.
"""

import functools
import inspect
import types

import pytest
from sklearn.neural_network.tests import test_mlp as original
from small_nets import AS_MLP_CLASSIFIER

from skdeep import DeepMLPClassifier

# They set private attributes up by hand, or read them.
PRIVATE = {
    "test_fit",
    "test_gradient",
    "test_learning_rate_warmstart",
    "test_adaptive_learning_rate",
}
# Standardized digits converge within the ten evaluations in which the test expects
# that nothing does; MLPClassifier behind a StandardScaler doesn't pass it either.
UNSCALED = "test_lbfgs_classification_maxfun"

# As in scikit-learn's own run, where this warning is no error.
pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    # a test feeds a column vector as y
    "ignore::sklearn.exceptions.DataConversionWarning",
)


def swapped_tests(classifier):
    """Tests of scikit-learn's module, in which MLPClassifier is `classifier`."""
    source = (
        inspect.getsource(original)
        .replace("import MLPClassifier, MLPRegressor", "import MLPRegressor")
        .replace("[MLPClassifier, MLPRegressor]", "[MLPClassifier]")
    )
    module = types.ModuleType("swapped")
    module.MLPClassifier = classifier
    exec(compile(source, original.__file__, "exec"), vars(module))
    return {
        name: test
        for name, test in vars(module).items()
        if name.startswith("test_")
        and name not in PRIVATE
        and (
            "MLPClassifier" in inspect.getsource(test)
            or "MLPEstimator" in inspect.getsource(test)
        )
    }


Plain = functools.partial(DeepMLPClassifier, **AS_MLP_CLASSIFIER)
globals().update(swapped_tests(Plain))
globals()[UNSCALED] = swapped_tests(functools.partial(Plain, standardize=False))[
    UNSCALED
]


def test_the_module_was_swapped():
    tests = [name for name in globals() if name.startswith("test_")]
    assert len(tests) > 25
    assert "test_lbfgs_classification" in tests
    assert "test_lbfgs_regression" not in tests
    # One of the names that globals().update brought.
    assert test_tolerance.__globals__["MLPClassifier"] is Plain  # noqa: F821
