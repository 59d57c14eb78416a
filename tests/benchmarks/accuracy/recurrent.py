"""Accuracy of the default DeepRNNClassifier on series, beside published results.

python tests/benchmarks/accuracy/recurrent.py DATA_FOLDER --json recurrent.json
"""

import reports
import series
import sets

from skdeep import DeepRNNClassifier


def main():
    """Fit every set, print the table."""
    args = reports.arguments(__doc__.splitlines()[0]).parse_args()
    published = sets.published(args.folder, "ts_reference_wide.csv")
    results = {}
    for name in args.sets or sets.series_names(args.folder):
        split = sets.load_series(args.folder, name)
        results[name] = [
            reports.measure(
                DeepRNNClassifier(n_members=args.members, random_state=seed), split
            )
            for seed in range(args.seeds)
        ]
        print(name, results[name], flush=True)
        title = f"recurrent nets on series, n_members={args.members}"
        reports.save(args.json, title, results)
    print(series.show(results, published, args.csv))


if __name__ == "__main__":
    main()
