"""A grid search on two Ray workers."""

import joblib
import numpy as np
import ray
from ray.util.joblib import register_ray
from sklearn.datasets import load_digits

from skdeep import DeepMLPClassifier
from skdeep.model_selection import GridSearchCV


class Stored(np.ndarray):
    """An array that lies in Ray's object store and travels as a reference.

    Ray's backend for joblib sends arrays with every fit, this one only once.
    """

    reference = None

    def __new__(cls, array):
        stored = np.asarray(array).view(cls)
        stored.reference = ray.put(np.asarray(array))
        return stored

    def __reduce__(self):
        # What is made of it, a slice say, is not in the store.
        if self.reference is None:
            return super().__reduce__()
        return ray.get, (self.reference,)


if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    net = DeepMLPClassifier(learning_rate="one_cycle", max_iter=10, random_state=0)
    grid = {"alpha": [0.01, 1.0], "learning_rate_init": [0.001, 0.01]}
    search = GridSearchCV(net, grid, cv=3)

    register_ray()
    # On a real cluster: ray.init("auto"), on one of its machines.
    with ray.init("local", num_cpus=2), joblib.parallel_config("ray", n_jobs=-1):
        search.fit(Stored(X), y)
    print(f"Right on {search.best_score_:.1%} of the images with {search.best_params_}")
