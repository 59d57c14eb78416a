"""Accuracy of DeepCNNClassifier on images.

python tests/benchmarks/accuracy/images.py DATA_FOLDER --json images.json
"""

import reports
import sets

from skdeep import DeepCNNClassifier

# By default, and as somebody would who has the time; clothes may be mirrored.
SETTINGS = {
    "default": {},
    "augmented": {
        "n_filters": (32, 64, 128),
        "augmentation": ["flip", "shift", "cutout"],
        "dropout": 0.3,
        "max_iter": 32,
        "mixed_precision": True,
    },
}
CASES = (
    ("fashion_mnist", "default"),
    ("fashion_mnist", "augmented"),
    ("sign_digits_32", "default"),
)


def main():
    """Fit every set, print the table."""
    parser = reports.arguments(__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, help="train on the first so many rows")
    parser.add_argument("--only", nargs="+", choices=SETTINGS, help="settings to run")
    args = parser.parse_args()
    results, rows = {}, []
    for name, title in CASES:
        if name not in (args.sets or [name]) or title not in (args.only or [title]):
            continue
        split = sets.load_images(args.folder, name)
        split = split._replace(
            X_train=split.X_train[: args.rows], y_train=split.y_train[: args.rows]
        )
        runs = results[f"{name}, {title}"] = [
            reports.measure(
                DeepCNNClassifier(
                    n_members=args.members, random_state=seed, **SETTINGS[title]
                ),
                split,
            )
            for seed in range(args.seeds)
        ]
        accuracy, seconds = (
            reports.mean(runs, key) for key in ("accuracy", "fit_seconds")
        )
        rows.append([name, title, accuracy, round(seconds, 1)])
        reports.save(args.json, f"images, n_members={args.members}", results)
    print(reports.table(["set", "settings", "accuracy", "fit, s"], rows, args.csv))


if __name__ == "__main__":
    main()
