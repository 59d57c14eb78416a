"""A grid search on two Dask workers."""

import joblib
from dask.distributed import Client
from sklearn.datasets import load_digits

from skdeep import DeepMLPClassifier
from skdeep.model_selection import GridSearchCV

if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    net = DeepMLPClassifier(learning_rate="one_cycle", max_iter=10, random_state=0)
    grid = {"alpha": [0.01, 1.0], "learning_rate_init": [0.001, 0.01]}
    search = GridSearchCV(net, grid, cv=3)

    # On a real cluster: Client("tcp://address-of-the-scheduler:8786")
    with Client(n_workers=2, threads_per_worker=1), joblib.parallel_config("dask"):
        search.fit(X, y)
    print(f"Right on {search.best_score_:.1%} of the images with {search.best_params_}")
