"""Accuracy of the default DeepCNNClassifier on images.

python tests/benchmarks/accuracy/images.py DATA_FOLDER --json images.json
"""

import reports
import sets

from skdeep import DeepCNNClassifier

SETS = ("fashion_mnist", "sign_digits_32")


def main():
    """Fit every set, print the table."""
    parser = reports.arguments(__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, help="train on the first so many rows")
    args = parser.parse_args()
    results, rows = {}, []
    for name in args.sets or SETS:
        split = sets.load_images(args.folder, name)
        split = split._replace(
            X_train=split.X_train[: args.rows], y_train=split.y_train[: args.rows]
        )
        runs = results[name] = [
            reports.measure(
                DeepCNNClassifier(n_members=args.members, random_state=seed), split
            )
            for seed in range(args.seeds)
        ]
        accuracy, seconds = (
            reports.mean(runs, key) for key in ("accuracy", "fit_seconds")
        )
        rows.append([name, accuracy, round(seconds, 1)])
        reports.save(args.json, f"images, n_members={args.members}", results)
    print(reports.table(["set", "accuracy", "fit, s"], rows, args.csv))


if __name__ == "__main__":
    main()
