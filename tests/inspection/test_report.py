"""Reports: what they tell, and how a browser shows them."""

import re

import numpy as np
import pytest
from browser import needs_browser, opened, served
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_nets import DIGIT, DIGITS, MOOD, SCHEDULE, TEXTS, X, Y, fitted, mlp

from skdeep import DeepRNNClassifier
from skdeep.inspection import report
from skdeep.preprocessing import SequenceTokenizer

NASTY = np.array(["<b>bold</b>", "a & b", '"><script>alert(1)</script>'])


def text_of(path):
    return path.read_text("utf-8")


def card(html, name):
    """Number of a metric."""
    return float(re.search(rf"<dt>{name}</dt><dd>([\d.]+)</dd>", html)[1])


@pytest.fixture(scope="module")
def of_table(tmp_path_factory):
    """Report on a pipeline for a frame whose classes and columns are named badly."""
    frame, y = load_iris(return_X_y=True, as_frame=True)
    frame = frame.rename(columns={"petal width (cm)": "<i>width</i> $x$"})
    y = NASTY[y]
    model = make_pipeline(StandardScaler(), mlp(max_iter=2)).fit(frame, y)
    path = report(model, frame, y, tmp_path_factory.mktemp("report") / "table.html")
    return model, frame, y, path


def test_numbers_are_those_of_scikit_learn(of_table):
    model, frame, y, path = of_table
    html, p = text_of(path), model.predict_proba(frame)
    said = model.predict(frame)
    for name, value in (
        ("Accuracy", (said == y).mean()),
        ("Balanced accuracy", balanced_accuracy_score(y, said)),
        ("Log-loss", log_loss(y, p)),
        ("ROC AUC", roc_auc_score(y, p, multi_class="ovr")),
    ):
        assert_allclose(card(html, name), value, atol=6e-4)
    sections = re.findall(r'<section id="(\w+)">', html)
    assert sections == re.findall(r'href="#(\w+)"', html)
    wrong = (said != y).sum()
    assert wrong > 3
    assert html.count("<article>") == 6


def test_nothing_is_fetched_and_text_stays_text(of_table):
    *_, path = of_table
    html = text_of(path)
    assert not re.findall(r"https?:|<script|src=\"(?!data:)|<b>|<i>", html)
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    assert "&lt;i&gt;width&lt;/i&gt; $x$" in html
    assert html.count("<img ") == len(re.findall(r'<img [^>]*alt="[^"]+"', html)) > 2


def test_texts_labels_and_images(tmp_path):
    tokens = {"input_type": "tokens", "embedding_dim": 4, "hidden_size": 4}
    texts = make_pipeline(SequenceTokenizer(), DeepRNNClassifier(**tokens, **SCHEDULE))
    texts.fit(TEXTS, MOOD)
    html = text_of(report(texts, TEXTS, MOOD, tmp_path / "texts.html", n_cases=1))
    assert "60 texts" in html
    assert "Texts have no columns" in html

    labels = np.column_stack([Y == 0, Y == 1]).astype(int)
    several = mlp().fit(X, labels)
    html = text_of(report(several, X, labels, tmp_path / "labels.html", n_cases=0))
    right = (several.predict(X) == labels).all(axis=1).mean()
    assert_allclose(card(html, "Accuracy"), right, atol=6e-4)
    assert "<h2>Labels</h2>" in html

    title = "Digits & <more>"
    path = report(
        fitted("cnn"),
        DIGITS[:40],
        DIGIT[:40],
        tmp_path / "x.html",
        title=title,
        n_cases=1,
    )
    assert "<h1>Digits &amp; &lt;more&gt;</h1>" in text_of(path)


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    net, path = fitted("mlp"), tmp_path / "report.html"
    path.write_text("before")
    with pytest.raises(ValueError, match="has classes not in"):
        report(net, X, np.full(len(X), "a"), path)
    monkeypatch.setattr("os.replace", None)
    with pytest.raises(TypeError):
        report(net, X[::3], Y[::3], path, n_cases=0)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(FileNotFoundError, match="`path` must be in a folder"):
        report(net, X, Y, tmp_path / "missing" / "report.html")


# Pages of several widths; what is measured becomes the text of this one.
FRAMES = """<!DOCTYPE html><link rel="icon" href="data:,"><pre id="told"></pre><script>
for (const width of [390, 1280]) {
  const frame = document.createElement("iframe");
  frame.style.width = width + "px";
  frame.onload = () => {
    const page = frame.contentDocument, root = page.documentElement;
    const outside = [...page.querySelectorAll("body *")].filter(
      e => e.getBoundingClientRect().right > root.clientWidth && !e.closest(".scroll"));
    const broken = [...page.images].filter(image => !image.naturalWidth);
    const size = getComputedStyle(page.body).fontSize;
    told.textContent += [width, root.clientWidth, root.scrollWidth, outside.length,
      page.images.length, broken.length, size].join(" ") + "\\n";
  };
  frame.src = "table.html";
  document.body.append(frame);
}
</script>"""


@needs_browser
def test_a_browser_shows_it_without_errors_or_overflow(of_table, tmp_path):
    folder = of_table[-1].parent
    (folder / "frames.html").write_text(FRAMES)
    with served(folder) as address:
        html, said = opened(f"{address}/frames.html", tmp_path)
    assert "CONSOLE" not in said
    lines = re.search(r'<pre id="told">(.*?)</pre>', html, re.S)[1].split("\n")
    told = sorted(
        [line.split() for line in lines if line], key=lambda line: int(line[0])
    )
    assert [int(width) for width, *_ in told] == [390, 1280]
    for width, visible, scrolled, n_outside, n_images, n_broken, size in told:
        assert int(scrolled) == int(visible) <= int(width)
        assert (n_outside, n_broken, size) == ("0", "0", "16px")
        assert int(n_images) > 2
