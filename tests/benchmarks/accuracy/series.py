"""Accuracy of the default DeepCNNClassifier on series, beside published results.

python tests/benchmarks/accuracy/series.py DATA_FOLDER --json series.json
"""

import numpy as np
import reports
import sets
from sklearn.base import clone

from skdeep import DeepCNNClassifier

PEERS = {
    "FCN": "fcn",
    "ResNet": "resnet",
    "Inception": "Inception(single)",
    "InceptionTime": "InceptionTime",
    "ROCKET": "ROCKET",
}


def main():
    """Fit every set, print the table."""
    run(
        __doc__.splitlines()[0],
        "series",
        DeepCNNClassifier(channels="last"),
    )


def run(description, title, net):
    """Fit the net on every set, print the table."""
    parser = reports.arguments(description, n_members=None)
    parser.add_argument("--architecture", default=net.architecture)
    args = parser.parse_args()
    net = clone(net).set_params(
        n_members=args.members or net.n_members, architecture=args.architecture
    )
    published = sets.published(args.folder, "ts_reference_wide.csv")
    results = {}
    for name in args.sets or sets.series_names(args.folder):
        split = sets.load_series(args.folder, name)
        results[name] = [
            reports.measure(clone(net).set_params(random_state=seed), split)
            for seed in range(args.seeds)
        ]
        print(name, results[name], flush=True)
        reports.save(args.json, f"{title}, n_members={net.n_members}", results)
    print(show(results, published, args.csv))


def show(results, published, path):
    """Table of the sets; means over those that all peers have been run on."""
    rows = []
    for name, runs in results.items():
        theirs = [published.get(name, {}).get(key) for key in PEERS.values()]
        ours = [reports.mean(runs, key) for key in ("accuracy", "fit_seconds")]
        rows.append([name, ours[0], *theirs, round(ours[1], 1)])
    compared = [row[1:] for row in rows if None not in row]
    if compared:
        *means, seconds = np.mean(compared, axis=0).tolist()
        title = f"mean of {len(compared)}"
        rows.append([title, *means, round(seconds, 1)])
    return reports.table(["set", "skdeep", *PEERS, "fit, s"], rows, path)


if __name__ == "__main__":
    main()
