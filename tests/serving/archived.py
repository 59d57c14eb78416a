"""Archives of small nets, and files of rows for them."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from serving.watched import BENIGN, CANCER, NAMES
from small_nets import mlp

from skdeep.persistence import save

FRAME = pd.DataFrame(CANCER, columns=NAMES)
LABELS = np.array(["ill", "well"])[BENIGN]
MIXED = FRAME.iloc[:, :3].assign(kind=np.where(CANCER[:, 3] > 600, "big", "small"))
MIXED.loc[::7, "kind"] = None
MIXED.iloc[::5, 0] = np.nan


@cache
def net(kind):
    X = {"mixed": MIXED, "unnamed": CANCER}.get(kind, FRAME)
    y = LABELS
    if kind == "several":
        y = np.column_stack([BENIGN, CANCER[:, 0] > 14]).astype(int)
    return mlp().fit(X, y)


def archive_of(kind, folder, **options):
    """Path of an archive."""
    path = Path(folder) / f"{kind}.skdeep"
    save(net(kind), path, **options)
    return path
