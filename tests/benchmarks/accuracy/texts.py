"""Accuracy of the default DeepRNNClassifier on texts, beside a linear model.

    python tests/benchmarks/accuracy/texts.py DATA_FOLDER --json texts.json

A set without an official split is split at random, a tenth of it for the test, anew
for each seed. Random embeddings, as in the reruns of Kim (2014) that are published as
sent-conv-torch.
"""

from pathlib import Path

import pandas as pd
import reports
import sets
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skdeep import DeepRNNClassifier
from skdeep.preprocessing import SequenceTokenizer

# Tokens are characters where a text is a name.
ANALYZERS = {"names18": "char"}
PUBLISHED = {"trec6": 0.882, "subj": 0.892}


def main():
    """Fit every set, print the table."""
    args = reports.arguments(__doc__.splitlines()[0]).parse_args()
    names = args.sets or sorted(
        path.name.split(".")[0] for path in (args.folder / "sequences").glob("*.csv*")
    )
    results, rows = {}, []
    for name in names:
        splits = [load(args.folder, name, seed) for seed in range(args.seeds)]
        ours = results[name] = [
            reports.measure(net(name, args.members, seed), split)
            for seed, split in enumerate(splits)
        ]
        linear = [reports.measure(linear_model(name), split) for split in splits]
        rows.append(
            [
                name,
                reports.mean(ours, "accuracy"),
                reports.mean(linear, "accuracy"),
                PUBLISHED.get(name),
                round(reports.mean(ours, "fit_seconds"), 1),
            ]
        )
        print(name, ours, flush=True)
        reports.save(args.json, f"texts, n_members={args.members}", results)
    header = ["set", "skdeep", "tf-idf, linear", "Kim's CNN", "fit, s"]
    print(reports.table(header, rows, args.csv))


def load(folder, name, seed):
    """Texts and labels in two parts."""
    frame = pd.read_csv(
        next(Path(folder, "sequences").glob(f"{name}.csv*")), keep_default_na=False
    )
    if "split" in frame:
        train = frame["split"] == "train"
        train, test = frame[train], frame[~train]
    else:
        train, test = train_test_split(
            frame, test_size=0.1, random_state=seed, stratify=frame["label"]
        )
    arrays = (
        part[key].to_numpy() for part in (train, test) for key in ("text", "label")
    )
    return sets.Split(*arrays)


def net(name, n_members, seed):
    """Tokenizer and net, both with their defaults."""
    return make_pipeline(
        SequenceTokenizer(analyzer=ANALYZERS.get(name, "word")),
        DeepRNNClassifier(input_type="tokens", n_members=n_members, random_state=seed),
    )


def linear_model(name):
    """Build a strong baseline."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    if name in ANALYZERS:
        vectorizer.set_params(analyzer="char", ngram_range=(1, 3))
    return make_pipeline(vectorizer, LogisticRegression(C=30, max_iter=1000))


if __name__ == "__main__":
    main()
