"""What the documentation promises."""

import inspect
import re
from pathlib import Path

import pytest
from sklearn.neural_network import MLPClassifier
from small_nets import AS_MLP_CLASSIFIER

from skdeep import DeepMLPClassifier

ROOT = Path(__file__).parents[1]


def python_of_readme():
    return re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


def test_readme_examples_run_one_after_the_other(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in python_of_readme():
        exec(code, names)
    share = re.fullmatch(r"Right on (.*)% of the images.*\n", capsys.readouterr().out)
    assert float(share[1]) > 95
    assert {path.name for path in tmp_path.iterdir()} == {
        "digits.skdeep",
        "report.html",
    }


def test_readme_and_front_page_show_the_same_example():
    code = python_of_readme()[0]
    front_page = re.sub(r"(?m)^    ", "", (ROOT / "docs" / "index.rst").read_text())
    assert code in front_page


@pytest.mark.parametrize("estimator", [MLPClassifier, DeepMLPClassifier])
def test_comparison_lists_every_parameter(estimator):
    page = (ROOT / "docs" / "comparison.rst").read_text()
    rows = set(re.findall(r"``(\w+)``", page))
    assert set(inspect.signature(estimator).parameters) <= rows


def test_what_makes_a_net_that_of_mlp_classifier():
    ours = inspect.signature(DeepMLPClassifier).parameters
    for name, theirs in inspect.signature(MLPClassifier).parameters.items():
        assert ours[name].kind == theirs.kind
        default = AS_MLP_CLASSIFIER.get(name, ours[name].default)
        assert default == theirs.default
    page = (ROOT / "docs" / "comparison.rst").read_text()
    for name, value in AS_MLP_CLASSIFIER.items():
        assert f"``{name}={value!r}``" in page
