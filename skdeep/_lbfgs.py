"""L-BFGS-B on the whole training data, by scipy."""

import numpy as np
import torch
from scipy.optimize import minimize


def minimize_lbfgs(flat, penalty, loss, total, *, max_iter, max_fun, tol, callback):
    """Minimise the full-batch objective by L-BFGS-B (Byrd et al., 1995).

    With an L1 part each weight is the difference of two non-negative variables, which
    makes the problem smooth and leaves exact zeros (Tibshirani, 1996).

    Parameters
    ----------
    flat : FlatParameters

    penalty : Penalty

    loss : callable
        Returns the loss at ``flat.vector`` and leaves the gradient in
        ``flat.gradient``.

    total : float
        Sum of the sample weights.

    max_iter, max_fun : int
        Limits on iterations and on evaluations.

    tol : float
        Largest entry of the projected gradient at the solution.

    callback : callable
        Gets the objective after each iteration, with the iterate in
        ``flat.vector``; returns whether to stop.

    Returns
    -------
    result : scipy.optimize.OptimizeResult
    """
    n = flat.n_penalized if penalty.l1[0] else 0
    l1 = penalty.l1[0] / total

    def place(z):
        w = np.concatenate([z[:n] - z[n : 2 * n], z[2 * n :]])
        flat.vector.copy_(torch.from_numpy(w))

    def objective(z):
        place(z)
        value = float(loss()) + penalty.values([total])[0]
        penalty.add_gradient(penalty.slopes([total]))
        g = flat.gradient.double().cpu().numpy()
        return value, np.concatenate([g[:n] + l1, l1 - g[:n], g[n:]])

    def after_iteration(intermediate_result):
        place(intermediate_result.x)
        if callback(float(intermediate_result.fun)):
            raise StopIteration

    w = flat.vector.double().cpu().numpy()
    start = np.concatenate([w[:n].clip(0), (-w[:n]).clip(0), w[n:]])
    bounds = [(0, None)] * (2 * n) + [(None, None)] * (len(w) - n) if n else None
    result = minimize(
        objective,
        start,
        method="L-BFGS-B",
        jac=True,
        bounds=bounds,
        callback=after_iteration,
        options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
    )
    place(result.x)
    return result
