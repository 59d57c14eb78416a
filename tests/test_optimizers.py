"""Solvers against torch's, penalties by hand, and many nets against one."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skdeep._flat import FlatParameters
from skdeep._fused_adam import FusedAdam
from skdeep._lbfgs import minimize_lbfgs
from skdeep._optimizers import SGD, Adam, Penalty, Solver

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
    "slowness": None,
}


def make_module(seed=0):
    torch.manual_seed(seed)
    layers = torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)
    return torch.nn.Sequential(*layers).double()


def make_solver(flat, settings, n_steps=None):
    return Solver(
        flat.vector[None], flat.gradient[None], flat.n_penalized, [settings], [n_steps]
    )


def make_penalty(flat, **settings):
    n = flat.n_penalized
    settings = {"solver": "adam", **settings}
    vector, gradient = flat.vector[None], flat.gradient[None]
    return Penalty(vector[:, :n], gradient[:, :n], [settings])


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
        solver.step([total])
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


def test_parameters_on_an_accelerator_begin_where_allocations_would():
    module = make_module().to("meta")
    flat = FlatParameters(module)
    weights = [module[0].weight, module[2].weight]
    assert [w.storage_offset() for w in weights] == [0, 64]
    assert module[0].bias.storage_offset() == flat.n_penalized == 128
    assert len(flat.vector) == 6 * 64
    rows = flat.vector.new_zeros(3, len(flat.vector))
    assert flat.views(rows)[module[2].weight].shape == (3, 2, 4)


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
    vector = torch.zeros(1, 1, dtype=torch.float64)
    gradient = torch.full_like(vector, 1e-3)
    settings = {**SETTINGS, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 0.1}
    Adam(vector, [settings]).update(vector, gradient, [1.0])
    step = math.sqrt(1 - 0.999) / (1 - 0.9) * (0.1 * 1e-3)
    expected = -step / (math.sqrt(0.001) * 1e-3 + 0.1)
    assert vector.item() == pytest.approx(expected, rel=1e-12)


def test_rmsprop_is_adam_without_first_moment():
    flat, _ = run({"solver": "rmsprop"})
    expected = run_torch(torch.optim.Adam, betas=(0.0, 0.95))
    assert_allclose(flat.vector, expected, rtol=1e-6)


def test_update_leaves_the_gradient_alone():
    gradient = torch.tensor([[1.0, -2.0]])
    for rule in (
        SGD(gradient, [{**SETTINGS, "nesterovs_momentum": True}]),
        Adam(gradient, [SETTINGS]),
        Adam(gradient, [{**SETTINGS, "solver": "rmsprop"}]),
    ):
        rule.update(torch.zeros(1, 2), gradient, [0.1])
        assert gradient.tolist() == [[1.0, -2.0]]


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
    solver.step([4.0])
    assert_allclose(flat.vector[:20], before[:20] * (1 - 0.1 * 0.5 / 4.0))
    assert torch.equal(flat.vector[20:], before[20:])


def test_l1_is_a_proximal_step():
    flat = FlatParameters(make_module())
    settings = {"solver": "sgd", "alpha": 8.0, "l1_ratio": 1.0, "momentum": 0.0}
    solver = make_solver(flat, {**SETTINGS, **settings}, None)
    before = flat.vector.clone()
    solver.step([4.0])
    threshold = 0.1 * 8.0 / 4.0
    shrunk = before.sign() * (before.abs() - threshold).clamp_min(0)
    assert_allclose(flat.vector[:20], shrunk[:20])
    assert 0 < (flat.vector[:20] == 0).sum() < 20
    assert torch.equal(flat.vector[20:], before[20:])


@pytest.mark.parametrize(("decoupled", "l2_counts"), [(False, True), (True, False)])
def test_value_of_the_penalty(decoupled, l2_counts):
    flat = FlatParameters(make_module())
    w = flat.vector[:20].numpy()
    penalty = make_penalty(
        flat, alpha=0.6, l1_ratio=0.25, solver="adamw" if decoupled else "adam"
    )
    l1 = 0.6 * 0.25 * np.abs(w).sum()
    l2 = 0.6 * 0.75 / 2 * (w**2).sum() * l2_counts
    assert penalty.values([3.0])[0] == pytest.approx((l1 + l2) / 3.0)


def test_penalty_of_zero_costs_nothing():
    flat = FlatParameters(make_module())
    assert make_penalty(flat, alpha=0.0, l1_ratio=0.5).values([3.0]) == [0.0]


@pytest.mark.parametrize(("norm", "expected"), [(10.0, 0.5), (0.2, 0.2)])
def test_clipping_bounds_the_gradient_and_keeps_its_direction(norm, expected):
    flat = FlatParameters(make_module())
    before = flat.vector.clone()
    direction = torch.randn(len(before), dtype=torch.float64)
    direction /= direction.norm()
    settings = {"solver": "sgd", "momentum": 0.0, "gradient_clip": 0.5}
    solver = make_solver(flat, {**SETTINGS, **settings}, None)
    flat.gradient.copy_(norm * direction)
    solver.step([1.0])
    assert_allclose(before - flat.vector, 0.1 * expected * direction, atol=1e-12)


def test_clipping_a_gradient_of_zero():
    flat = FlatParameters(make_module())
    before = flat.vector.clone()
    settings = {"solver": "sgd", "gradient_clip": 0.5}
    make_solver(flat, {**SETTINGS, **settings}, None).step([1.0])
    assert torch.equal(flat.vector, before)


def test_solver_steps_with_the_rate_before_it_moves_on():
    flat = FlatParameters(make_module())
    before = flat.vector.clone()
    settings = {"solver": "sgd", "momentum": 0.0, "learning_rate": "cosine"}
    solver = make_solver(flat, {**SETTINGS, **settings}, 4)
    flat.gradient.fill_(1.0)
    solver.step([1.0])
    assert_allclose(before - flat.vector, 0.1)
    assert solver.schedules[0].rate < 0.1


@pytest.mark.parametrize("solver", ["adam", "rmsprop"])
@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("rates", [[0.1, 0.1, 0.1], [0.1, 0.003, 0.0]])
def test_one_pass_over_the_memory_is_adam(solver, slow, rates):
    settings, shape = {**SETTINGS, "solver": solver, "epsilon": 1e-3}, (3, 50)
    rng = torch.Generator().manual_seed(0)
    one = torch.randn(shape, generator=rng, dtype=torch.float64)
    other = one.clone()
    slowness = None
    if slow:
        slowness = 0.2 + 3 * torch.rand(shape, generator=rng, dtype=torch.float64)
    beta_1 = 0.0 if solver == "rmsprop" else 0.8
    fused = FusedAdam(one, beta_1, 0.95, 1e-3, slowness)
    plain = Adam(other, [settings] * 3, slowness)
    for n_steps in range(1, 6):
        gradient = torch.randn(shape, generator=rng, dtype=torch.float64)
        fused.update(one, gradient, fused.sizes(rates, n_steps))
        plain.update(other, gradient, plain.sizes(rates, n_steps))
        assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_one_pass_over_the_memory_is_taken_on_a_cpu():
    vectors = torch.zeros(2, 5)
    alike = [SETTINGS, {**SETTINGS, "learning_rate_init": 0.3, "alpha": 1.0}]
    ((rule, *_),) = Solver(vectors, vectors, 5, alike, [None, None]).rules
    assert isinstance(rule, FusedAdam)
    differing = [SETTINGS, {**SETTINGS, "beta_1": 0.5}]
    ((rule, *_),) = Solver(vectors, vectors, 5, differing, [None, None]).rules
    assert isinstance(rule, Adam)


# Each differs from the others in every number that nets of a stack may differ in.
MANY = {
    "adam": [
        {"beta_1": 0.9, "beta_2": 0.99, "alpha": 0.3, "learning_rate_init": 0.02},
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2, "gradient_clip": 0.7},
        {"alpha": 2.0, "l1_ratio": 0.5, "learning_rate": "cosine"},
        {"solver": "rmsprop", "alpha": 0.1},
    ],
    # Those that stay agree on what the first one didn't.
    "adam, alike at last": [{"beta_1": 0.5}, {"alpha": 0.3}, {"alpha": 1.0}],
    "rmsprop": [{"beta_2": 0.9}, {"alpha": 0.3}, {"alpha": 1.0}],
    "adamw": [{"alpha": 0.1}, {"alpha": 0.5, "l1_ratio": 0.3}],
    "sgd": [
        {"momentum": 0.9, "learning_rate": "one_cycle"},
        {"momentum": 0.0, "alpha": 1.0, "gradient_clip": 0.1},
    ],
}


@pytest.mark.parametrize("solver", MANY)
@pytest.mark.parametrize("square_root", ["numpy", "torch"])
def test_many_nets_move_as_each_would_alone(solver, square_root, monkeypatch):
    if square_root == "torch":
        # What runs on an accelerator, shown on the CPU.
        monkeypatch.setattr("skdeep._optimizers._sqrt", torch.sqrt)
    name = solver.partition(",")[0]
    settings = [{**SETTINGS, "solver": name, **s} for s in MANY[solver]]
    alone = [FlatParameters(make_module(seed)) for seed in range(len(settings))]
    vectors = torch.stack([flat.vector for flat in alone])
    gradients = torch.zeros_like(vectors)
    n_steps = [10] * len(settings)
    many = Solver(vectors, gradients, 20, settings, n_steps)
    solvers = [make_solver(f, s, 10) for f, s in zip(alone, settings, strict=True)]
    totals = [2.0, 3.0, 2.5, 1.0][: len(settings)]
    for step in range(6):
        for flat, one, total in zip(alone, solvers, totals, strict=True):
            flat.gradient.copy_(quadratic_gradient(flat.vector))
            one.step([total])
        gradients.copy_(torch.stack([quadratic_gradient(v) for v in vectors]))
        many.step(totals)
        if step == 2:
            # The first net leaves.
            del alone[0], solvers[0], totals[0]
            vectors, gradients = vectors[1:].clone(), gradients[1:].clone()
            many = many.keep(list(range(1, len(settings))), vectors, gradients)
    penalties = [one.penalty.values([1.0])[0] for one in solvers]
    assert_allclose(many.penalty.values([1.0] * len(alone)), penalties, rtol=1e-12)
    for flat, vector in zip(alone, vectors, strict=True):
        assert_allclose(vector, flat.vector, rtol=1e-12)


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
        make_penalty(flat, alpha=alpha, l1_ratio=l1_ratio),
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
