"""The examples run without a warning, and what they say and draw is sound."""

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
# shap calls a function of matplotlib that will be deprecated some day.
STRICT = ["-W", "error", "-W", "ignore::PendingDeprecationWarning"]
# Dask moves its dashboard to another port.
STRICT += ["-W", "ignore:Port 8787 is already in use"]
SAVE_FIGURES = """
import runpy, sys
import matplotlib.pyplot as plt
runpy.run_path(sys.argv[1], run_name="__main__")
for number in plt.get_fignums():
    plt.figure(number).savefig(f"{sys.argv[2]}/{number}.png")
"""
N_FIGURES = {
    "plot_deployment": 1,
    "plot_explain_series": 4,
    "plot_explain_table": 6,
    "plot_imbalance": 1,
    "plot_pipeline": 1,
    "plot_saliency_images": 6,
    "plot_search": 2,
}
SMALLEST_PNG = 10_000


def run(*arguments, may_log=False, **environment):
    process = subprocess.run(
        [sys.executable, *STRICT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", **environment},
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert may_log or process.stderr == ""
    return process.stdout


def run_example(name, folder):
    said = run("-c", SAVE_FIGURES, EXAMPLES / f"{name}.py", folder)
    figures = list(folder.glob("*.png"))
    assert len(figures) == N_FIGURES[name]
    assert min(figure.stat().st_size for figure in figures) > SMALLEST_PNG
    return said


def numbers_after(label, said):
    """The numbers of the line that begins with `label`."""
    (line,) = re.findall(rf"^{re.escape(label)}(.*)$", said, re.MULTILINE)
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", line)]


def test_every_example_is_tested():
    assert {file.stem for file in EXAMPLES.glob("plot_*.py")} == set(N_FIGURES)


def test_pipeline(tmp_path):
    said = run_example("plot_pipeline", tmp_path)
    auc, loss, _ = numbers_after("DeepMLPClassifier", said)
    linear_auc, linear_loss, _ = numbers_after("logistic regression", said)
    assert auc > linear_auc - 0.02
    assert loss < linear_loss + 0.02


def test_search(tmp_path):
    said = run_example("plot_search", tmp_path)
    assert numbers_after("MLP: accuracy", said)[0] > 0.95
    assert numbers_after("CNN: accuracy", said)[0] > 0.96
    slow_cosine, *_, fast_cosine = numbers_after("cosine", said)
    slow_cycle, *_, fast_cycle = numbers_after("one_cycle", said)
    assert min(slow_cosine, slow_cycle) > fast_cosine > fast_cycle


def test_imbalance(tmp_path):
    said = run_example("plot_imbalance", tmp_path)
    found, ranked, loss = numbers_after("plain", said)
    tuned_found, tuned_ranked, tuned_loss = numbers_after("threshold", said)
    assert tuned_found > found + 0.1
    assert (tuned_ranked, tuned_loss) == (ranked, loss)
    for way in ("class_weight", "batch_sampler", "SMOTE"):
        way_found, way_ranked, way_loss = numbers_after(way, said)
        assert way_found > found + 0.1
        assert way_ranked == pytest.approx(ranked, abs=0.05)
        assert way_loss > loss + 0.05


def test_saliency_images(tmp_path):
    said = run_example("plot_saliency_images", tmp_path)
    assert numbers_after("accuracy on test images with the mark:", said)[0] > 0.99
    assert numbers_after("most important pixel: row", said) == [7, 0]
    (worth,) = numbers_after("accuracy it is worth:", said)
    (others,) = numbers_after("accuracy all others are worth, at most:", said)
    assert worth > 0.4 > 0.02 > others
    assert numbers_after("accuracy on clean test images, before:", said)[0] < 0.6
    assert numbers_after("accuracy on clean test images, after:", said)[0] > 0.97


def test_explain_series(tmp_path):
    said = run_example("plot_explain_series", tmp_path)
    assert numbers_after("accuracy on the test series:", said)[0] > 0.92
    ends = numbers_after("accuracy that the windows at the ends are worth:", said)
    between = numbers_after("accuracy that those between them are worth:", said)
    assert 0 < max(ends) < min(between)
    assert numbers_after("share of grass and gravel among the errors:", said)[0] > 0.95


def test_explain_table(tmp_path):
    said = run_example("plot_explain_table", tmp_path)
    assert numbers_after("accuracy on the test rows:", said)[0] > 0.95
    (alone,) = numbers_after("size, column by column:", said)
    (together,) = numbers_after("size, all together:", said)
    assert together > 1.5 * alone
    (average,) = numbers_after("average probability of 'malignant'", said)
    (added,) = numbers_after("all that the columns add", said)
    (probability,) = numbers_after("probability for this patient", said)
    assert average + added == pytest.approx(probability, abs=0.002)


def test_deployment(tmp_path):
    said = run_example("plot_deployment", tmp_path)
    assert numbers_after("accuracy on the test images:", said)[0] > 0.96
    assert "skorch   not needed" in said
    assert "same probabilities, bit for bit: True" in said
    weights, file = numbers_after("weights", said)
    assert file < 1.2 * weights + 50


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_distributed(engine):
    script = EXAMPLES / "distributed" / f"search_on_{engine}.py"
    # Without a token Ray writes one into the home folder.
    said = run(script, may_log=True, RAY_AUTH_TOKEN=secrets.token_hex())
    assert numbers_after("Right on", said)[0] > 90


def test_demo(tmp_path):
    said = run(EXAMPLES / "demo.py", "--quick", "--output", tmp_path)
    assert said.count(str(tmp_path)) == 2

    for name in ("mlp", "cnn", "rnn", "report"):
        assert (tmp_path / f"{name}.png").stat().st_size > SMALLEST_PNG
    for name in ("mlp", "cnn", "rnn"):
        for kind in ("joblib", "skdeep"):
            assert (tmp_path / f"{name}.{kind}").stat().st_size > 0
    written = {file.suffix for file in tmp_path.iterdir()}
    assert written == {".joblib", ".md", ".png", ".skdeep"}

    table = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert min(numbers_after("| test balanced accuracy", table)) > 0.75
    assert min(numbers_after("| test ROC AUC", table)) > 0.9
    assert max(numbers_after("| test log loss", table)) < 0.5
    assert max(numbers_after("| SHAP adds up within", table)) < 1e-6
