"""Accuracy of DeepCNNClassifier on images, beside published results.

python tests/benchmarks/accuracy/images.py DATA_FOLDER --json images.json
"""

import reports
import sets

from skdeep import DeepCNNClassifier

SETS = ("fashion_mnist", "sign_digits_32")
SETTINGS = {"default": {}}


def main():
    """Fit every set, print the table."""
    parser = reports.arguments(__doc__.splitlines()[0])
    parser.add_argument("--settings", nargs="+", default=["default"], choices=SETTINGS)
    parser.add_argument("--rows", type=int, help="train on the first so many rows")
    args = parser.parse_args()
    results, rows = {}, []
    for name in args.sets or SETS:
        split = sets.load_images(args.folder, name)
        split = split._replace(
            X_train=split.X_train[: args.rows], y_train=split.y_train[: args.rows]
        )
        for setting in args.settings:
            runs = [
                reports.measure(
                    DeepCNNClassifier(
                        **SETTINGS[setting], n_members=args.members, random_state=seed
                    ),
                    split,
                )
                for seed in range(args.seeds)
            ]
            results[f"{name}, {setting}"] = runs
            accuracy, seconds = (
                reports.mean(runs, key) for key in ("accuracy", "fit_seconds")
            )
            rows.append([name, setting, accuracy, round(seconds, 1)])
            reports.save(args.json, f"images, n_members={args.members}", results)
    print(reports.table(["set", "setting", "accuracy", "fit, s"], rows, args.csv))


if __name__ == "__main__":
    main()
