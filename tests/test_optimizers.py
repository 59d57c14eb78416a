"""Solvers against torch's, schedules against their formulas, penalties by hand."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skdeep._optimizers import (
    SGD,
    Adam,
    FlatParameters,
    Penalty,
    Schedule,
    Solver,
    make_solver,
    minimize_lbfgs,
)

SETTINGS = {
    "solver": "adam",
    "alpha": 0.0,
    "l1_ratio": 0.0,
    "learning_rate": "constant",
    "learning_rate_init": 0.1,
    "power_t": 0.5,
    "momentum": 0.9,
    "nesterovs_momentum": False,
    "beta_1": 0.8,
    "beta_2": 0.95,
    "epsilon": 1e-8,
    "gradient_clip": None,
}


def make_module(seed=0):
    torch.manual_seed(seed)
    layers = torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    return torch.nn.Sequential(*layers).double()


def quadratic_gradient(vector):
    """Gradient of a badly conditioned quadratic."""
    scale = torch.linspace(0.1, 5.0, len(vector), dtype=torch.float64)
    return scale * (vector - 1.0)


def run(settings, n_steps=7, total=2.0):
    """Vector after some steps, and before them."""
    flat = FlatParameters(make_module())
    before = flat.vector.clone()
    solver = make_solver(flat, {**SETTINGS, **settings}, n_steps=20)
    for _ in range(n_steps):
        flat.gradient.copy_(quadratic_gradient(flat.vector))
        solver.step(total)
    return flat, before


def run_torch(optimizer_class, n_steps=7, **options):
    flat = FlatParameters(make_module())
    vector = flat.vector.clone().requires_grad_()
    optimizer = optimizer_class([vector], lr=0.1, **options)
    for _ in range(n_steps):
        vector.grad = quadratic_gradient(vector.detach())
        optimizer.step()
    return vector.detach()


def test_flat_parameters_are_views_weights_first():
    module = make_module()
    weights = [module[0].weight, module[2].weight]
    expected = torch.cat([w.detach().flatten() for w in weights])
    flat = FlatParameters(module)
    assert flat.n_penalized == 20
    assert torch.equal(flat.vector[:20], expected)
    assert len(flat.vector) == sum(p.numel() for p in module.parameters())
    flat.vector.zero_()
    assert all((p == 0).all() for p in module.parameters())


def test_gradients_land_in_the_flat_vector():
    module = make_module()
    flat = FlatParameters(module)
    module(torch.randn(5, 3, dtype=torch.float64)).sum().backward()
    assert torch.equal(flat.gradient[:12], module[0].weight.grad.flatten())
    assert flat.gradient[:12].abs().sum() > 0
    flat.release_gradients()
    assert all(p.grad is None for p in module.parameters())


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_is_that_of_torch(nesterov):
    flat, _ = run({"solver": "sgd", "nesterovs_momentum": nesterov})
    expected = run_torch(torch.optim.SGD, momentum=0.9, nesterov=nesterov)
    assert_allclose(flat.vector, expected, rtol=1e-12)


def test_sgd_without_momentum():
    flat, _ = run({"solver": "sgd", "momentum": 0.0})
    assert_allclose(flat.vector, run_torch(torch.optim.SGD), rtol=1e-12)


def test_adam_is_that_of_torch():
    """Up to where epsilon stands, before or after the bias correction."""
    flat, _ = run({"solver": "adam"})
    expected = run_torch(torch.optim.Adam, betas=(0.8, 0.95))
    assert_allclose(flat.vector, expected, rtol=1e-6)


def test_adam_adds_epsilon_as_scikit_learn_does():
    vector, gradient = torch.zeros(1), torch.full((1,), 1e-3)
    Adam(vector, 0.9, 0.999, epsilon=0.1).update(vector, gradient, 1.0)
    step = math.sqrt(1 - 0.999) / (1 - 0.9) * (0.1 * 1e-3)
    expected = -step / (math.sqrt(0.001) * 1e-3 + 0.1)
    assert float(vector) == pytest.approx(expected, rel=1e-5)


def test_rmsprop_is_adam_without_first_moment():
    flat, _ = run({"solver": "rmsprop"})
    expected = run_torch(torch.optim.Adam, betas=(0.0, 0.95))
    assert_allclose(flat.vector, expected, rtol=1e-6)


def test_update_leaves_the_gradient_alone():
    gradient = torch.tensor([1.0, -2.0])
    for rule in (
        SGD(gradient, 0.9, True),
        Adam(gradient, 0.9, 0.999, 1e-8),
        Adam(gradient, 0.0, 0.999, 1e-8),
    ):
        rule.update(torch.zeros(2), gradient, 0.1)
        assert gradient.tolist() == [1.0, -2.0]


def test_adamw_decays_weights_only():
    decayed, _ = run({"solver": "adamw", "alpha": 0.3}, n_steps=1)
    plain, _ = run({"solver": "adam"}, n_steps=1)
    assert_allclose(decayed.vector[:20], plain.vector[:20] * (1 - 0.1 * 0.3))
    assert torch.equal(decayed.vector[20:], plain.vector[20:])


def test_l2_gradient_is_divided_by_the_weights_of_the_batch():
    """As in scikit-learn's MLPClassifier; biases and norm layers stay free."""
    flat = FlatParameters(make_module())
    solver = make_solver(
        flat, {**SETTINGS, "solver": "sgd", "alpha": 0.5, "momentum": 0.0}, None
    )
    before = flat.vector.clone()
    solver.step(total=4.0)
    assert_allclose(flat.vector[:20], before[:20] * (1 - 0.1 * 0.5 / 4.0))
    assert torch.equal(flat.vector[20:], before[20:])


def test_l1_is_a_proximal_step():
    flat = FlatParameters(make_module())
    settings = {"solver": "sgd", "alpha": 8.0, "l1_ratio": 1.0, "momentum": 0.0}
    solver = make_solver(flat, {**SETTINGS, **settings}, None)
    before = flat.vector.clone()
    solver.step(total=4.0)
    threshold = 0.1 * 8.0 / 4.0
    shrunk = before.sign() * (before.abs() - threshold).clamp_min(0)
    assert_allclose(flat.vector[:20], shrunk[:20])
    assert 0 < (flat.vector[:20] == 0).sum() < 20
    assert torch.equal(flat.vector[20:], before[20:])


@pytest.mark.parametrize(("decoupled", "l2_counts"), [(False, True), (True, False)])
def test_value_of_the_penalty(decoupled, l2_counts):
    flat = FlatParameters(make_module())
    w = flat.vector[:20].numpy()
    penalty = Penalty(flat, alpha=0.6, l1_ratio=0.25, decoupled=decoupled)
    l1 = 0.6 * 0.25 * np.abs(w).sum()
    l2 = 0.6 * 0.75 / 2 * (w**2).sum() * l2_counts
    assert penalty.value(total=3.0) == pytest.approx((l1 + l2) / 3.0)


def test_penalty_of_zero_costs_nothing():
    flat = FlatParameters(make_module())
    assert Penalty(flat, 0.0, 0.5).value(3.0) == 0.0


@pytest.mark.parametrize(("norm", "expected"), [(10.0, 0.5), (0.2, 0.2)])
def test_clipping_bounds_the_gradient_and_keeps_its_direction(norm, expected):
    flat = FlatParameters(make_module())
    before = flat.vector.clone()
    direction = torch.randn(len(before), dtype=torch.float64)
    direction /= direction.norm()
    settings = {"solver": "sgd", "momentum": 0.0, "gradient_clip": 0.5}
    solver = make_solver(flat, {**SETTINGS, **settings}, None)
    flat.gradient.copy_(norm * direction)
    solver.step(1.0)
    assert_allclose(before - flat.vector, 0.1 * expected * direction, atol=1e-12)


def test_clipping_a_gradient_of_zero():
    flat = FlatParameters(make_module())
    before = flat.vector.clone()
    settings = {"solver": "sgd", "gradient_clip": 0.5}
    make_solver(flat, {**SETTINGS, **settings}, None).step(1.0)
    assert torch.equal(flat.vector, before)


def rates(name, n_steps=10, **settings):
    """Rate of each step of one fit."""
    flat = FlatParameters(make_module())
    solver = make_solver(flat, {**SETTINGS, "learning_rate": name, **settings}, n_steps)
    got = []
    for _ in range(10):
        got.append(solver.learning_rate)
        solver.step(1.0)
    return np.array([*got, solver.learning_rate])


def test_constant_rate():
    assert_allclose(rates("constant"), 0.1)


def test_cosine_falls_from_the_rate_to_zero():
    got = rates("cosine")
    assert_allclose(got, 0.05 * (1 + np.cos(np.pi * np.arange(11) / 10)), atol=1e-15)


def test_one_cycle_rises_for_30_percent_and_falls_to_zero():
    got = rates("one_cycle")
    assert got[0] == pytest.approx(0.04 * 0.1)
    assert np.argmax(got) == 3
    assert got[3] == pytest.approx(0.1)
    assert (np.diff(got[:4]) > 0).all()
    assert (np.diff(got[3:]) < 0).all()
    assert got[-1] == pytest.approx(0.0, abs=1e-15)


def test_rate_never_rises_again_after_the_planned_end():
    assert_allclose(rates("cosine", n_steps=5)[5:], 0.0, atol=1e-15)
    assert_allclose(rates("one_cycle", n_steps=5)[5:], 0.0, atol=1e-15)


@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
def test_schedules_need_a_planned_end(name):
    assert_allclose(rates(name, n_steps=None), 0.1)


@pytest.mark.parametrize(
    ("name", "planned"),
    [
        ("constant", False),
        ("invscaling", False),
        ("adaptive", False),
        ("cosine", True),
        ("one_cycle", True),
    ],
)
def test_planned_end(name, planned):
    flat = FlatParameters(make_module())
    schedule = make_solver(flat, {**SETTINGS, "learning_rate": name}, 10).schedule
    assert schedule.planned_end is planned


def test_inverse_scaling_counts_samples():
    flat = FlatParameters(make_module())
    settings = {**SETTINGS, "learning_rate": "invscaling", "power_t": 0.3}
    schedule = make_solver(flat, settings, None).schedule
    assert schedule.rate == 0.1
    schedule.epoch_done(150)
    assert schedule.rate == pytest.approx(0.1 / 151**0.3)
    schedule.epoch_done(300)
    assert schedule.rate == pytest.approx(0.1 / 301**0.3)


def test_adaptive_divides_by_five_until_it_stops():
    flat = FlatParameters(make_module())
    schedule = make_solver(
        flat, {**SETTINGS, "learning_rate": "adaptive"}, None
    ).schedule
    got = []
    while not schedule.plateau():
        got.append(schedule.rate)
    assert_allclose(got, 0.1 / 5.0 ** np.arange(1, len(got) + 1))
    assert got[-1] <= 1e-6 < got[-2]


def test_other_schedules_stop_at_a_plateau():
    assert Schedule(0.1).plateau()


def test_solver_steps_with_the_rate_before_it_moves_on():
    flat = FlatParameters(make_module())
    before = flat.vector.clone()
    settings = {**SETTINGS, "solver": "sgd", "momentum": 0.0}
    schedule = make_solver(flat, {**settings, "learning_rate": "cosine"}, 4).schedule
    rule = SGD(flat.vector, 0.0, False)
    solver = Solver(flat, rule, Penalty(flat, 0.0, 0.0), schedule, None)
    flat.gradient.fill_(1.0)
    solver.step(1.0)
    assert_allclose(before - flat.vector, 0.1)
    assert solver.learning_rate < 0.1


CANCER = load_breast_cancer(return_X_y=True)


def fit_lbfgs(alpha, l1_ratio, max_iter=2000, callback=lambda value: False, **options):
    """Logistic regression as one layer of logits. Returns weights and result."""
    X, y = StandardScaler().fit_transform(CANCER[0]), CANCER[1]
    layer = torch.nn.Linear(X.shape[1], 1, dtype=torch.float64)
    torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(0))
    X, target = torch.from_numpy(X), torch.from_numpy(y).double()
    flat = FlatParameters(layer)

    def loss():
        flat.gradient.zero_()
        value = torch.nn.functional.binary_cross_entropy_with_logits(
            layer(X)[:, 0], target
        )
        value.backward()
        return value.detach()

    result = minimize_lbfgs(
        flat,
        Penalty(flat, alpha, l1_ratio),
        loss,
        float(len(y)),
        max_iter=max_iter,
        max_fun=15000,
        tol=1e-7,
        callback=callback,
        **options,
    )
    return layer.weight.detach().numpy().ravel().copy(), result


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_lbfgs_finds_the_optimum_of_logistic_regression(l1_ratio):
    X, y = StandardScaler().fit_transform(CANCER[0]), CANCER[1]
    reference = LogisticRegression(
        C=1 / 20.0, l1_ratio=l1_ratio, solver="saga", tol=1e-8, max_iter=20000
    ).fit(X, y)
    weights, result = fit_lbfgs(alpha=20.0, l1_ratio=l1_ratio)
    assert result.success
    assert_allclose(weights, reference.coef_.ravel(), atol=2e-4)
    if l1_ratio:
        zero = reference.coef_.ravel() == 0
        assert zero.sum() > 5
        assert (weights[zero] == 0).all()


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_lbfgs_reports_a_falling_objective_and_stops_on_request(l1_ratio):
    values = []

    def callback(value):
        values.append(value)
        return len(values) == 4

    _, result = fit_lbfgs(alpha=1.0, l1_ratio=l1_ratio, callback=callback)
    assert len(values) == result.nit == 4
    assert (np.diff(values) < 0).all()


def test_lbfgs_obeys_max_iter():
    _, result = fit_lbfgs(alpha=1.0, l1_ratio=0.0, max_iter=3)
    assert result.nit == 3
    assert not result.success
