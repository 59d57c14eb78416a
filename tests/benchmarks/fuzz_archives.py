"""Thousands of damaged and forged archives: none may run anything, crash or hang.

Prints how many were refused and how many were loaded, for each way to do harm. A reader
that crashes ends the process, and one that hangs is ended by an alarm. Takes minutes.
Run it from the folder of the tests: python -m benchmarks.fuzz_archives
"""

import argparse
import faulthandler
import signal
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from benchmarks.measuring import machine
from inspection.explained import case_of
from persistence.corruptions import corrupt, nothing_happens
from persistence.models import pipeline

from skdeep.persistence import ArchiveError, load, save

NETS = ("categories", "members", "labels", "residual", "padded_steps", "tokens")
PIPELINES = ("columns", "nested", "texts")
LONGEST = 20


def outcome_of(path, rows):
    """What becomes of a file: refused, or loaded, and then what of its predictions."""
    with nothing_happens():
        try:
            model = load(path)
        except ArchiveError:
            return "refused"
        try:
            model.predict_proba(rows)
        except (ValueError, RuntimeError, LookupError):
            return "loaded, fails to predict"
    return "loaded"


def main():
    """Corrupt and load, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000, help="number of archives")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    # Nets that train for a few epochs say that they have not converged.
    warnings.simplefilter("ignore")
    faulthandler.enable()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    models = {name: case_of(name)[:2] for name in NETS}
    models |= {f"{name} pipeline": pipeline(name) for name in PIPELINES}
    counts, longest = Counter(), 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, (model, _) in models.items():
            save(model, Path(folder) / name)
        for i in range(arguments.n):
            name = list(models)[i % len(models)]
            rng = np.random.default_rng([arguments.seed, i])
            target = Path(folder) / "corrupted"
            done = corrupt(Path(folder) / name, target, rng)
            start = time.perf_counter()
            signal.alarm(LONGEST)
            try:
                outcome = outcome_of(target, models[name][1])
            except BaseException:
                print(f"seed {arguments.seed}, archive {i}, {name}: {done}")
                raise
            signal.alarm(0)
            longest = max(longest, time.perf_counter() - start)
            counts[done.partition(":")[0], outcome] += 1
    print(machine())
    print(f"{arguments.n} archives, the longest took {longest:.2f} s")
    outcomes = sorted({outcome for _, outcome in counts})
    print("|", " | ".join(["what was done", *outcomes]), "|")
    print("|" + " --- |" * (1 + len(outcomes)))
    for way in sorted({way for way, _ in counts}):
        numbers = [str(counts[way, outcome]) for outcome in outcomes]
        print("|", " | ".join([way, *numbers]), "|")


if __name__ == "__main__":
    main()
