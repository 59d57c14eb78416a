"""Many rows: how time grows with their number."""

import numpy as np
from measuring import Case
from plain import PLAIN

from skdeep import DeepMLPClassifier

# As many times as many rows should take little more than as many times as long.
BAR = 11.0


def scale():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1_000_000, 50), dtype=np.float32)
    y = (X[:, 0] > 0).astype(np.int64)
    once = {"max_iter": 1, "n_iter_no_change": np.inf, **PLAIN}
    net = DeepMLPClassifier((64,), batch_size=1024, **once)
    fitted = DeepMLPClassifier((64,), **once).fit(X[:1000], y[:1000])
    for n_rows in (100_000, 1_000_000):
        tenth = n_rows // 10
        contestants = {
            "skdeep": lambda n=n_rows: net.fit(X[:n], y[:n]),
            "a tenth of the rows": lambda n=tenth: net.fit(X[:n], y[:n]),
        }
        title = f"fit {n_rows:,} x 50, float32, (64,), 1 epoch"
        yield Case(title, contestants, {"a tenth of the rows": BAR})
        contestants = {
            "skdeep": lambda n=n_rows: fitted.predict_proba(X[:n]),
            "a tenth of the rows": lambda n=tenth: fitted.predict_proba(X[:n]),
        }
        title = f"predict_proba of {n_rows:,} x 50, float32"
        yield Case(title, contestants, {"a tenth of the rows": BAR})
