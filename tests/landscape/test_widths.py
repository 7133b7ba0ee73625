"""Width measures against dense derivatives; their standard errors against repeated samples."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from sufficiency.landscape import RandomDirections, width_measures
from tests.curvature.nets import SmallConv, make_data, trained_net
from tests.helpers import same_weights, untouched_generators, weights_of
from tests.landscape.nets import LeastSquares, double_classifier
from tests.nets.test_losses import classes
from tests.oracles import naive_crossed_variance


def measure(problem, **params):
    return width_measures(problem.net, problem.X, problem.y, **params)


@pytest.mark.parametrize("optimal", [True, False])
def test_the_rise_of_a_quadratic(optimal):
    """½r² dᵀHd for each direction; the slope cancels between its two senses."""
    problem = LeastSquares(optimal=optimal)
    loss, _, hessian = problem.derivatives()
    found = measure(problem, radius=0.3, n_directions=6, random_state=4)
    rows = [
        d["weight"].numpy()[0]
        for d in RandomDirections().around(problem.net, n=6, random_state=4).vectors
    ]
    rises = [0.3**2 * d @ hessian @ d / 2 for d in rows]
    assert found.rise == pytest.approx(np.mean(rises), rel=1e-11)
    assert found.loss == pytest.approx(loss, rel=1e-12)
    assert found.norm == pytest.approx(np.linalg.norm(problem.w), rel=1e-12)


def test_standard_errors_are_those_of_crossed_directions_and_folds():
    """With a fold for every sample the table is known: ½r² dᵀH_i d."""
    problem = LeastSquares(n=12)
    hessians = [problem.derivatives([i])[2] for i in range(12)]
    found = measure(problem, radius=0.3, n_directions=5, n_folds=12, n_probes=3, random_state=4)
    rows = [
        d["weight"].numpy()[0]
        for d in RandomDirections().around(problem.net, n=5, random_state=4).vectors
    ]
    table = np.array([[0.3**2 * d @ h @ d / 2 for h in hessians] for d in rows])
    # sums of a dozen differences of losses, some of them a hundred times the rise
    assert found.rise_stderr == pytest.approx(naive_crossed_variance(table) ** 0.5, rel=1e-8)
    values, vectors = np.linalg.eigh(problem.derivatives()[2])
    assert found.top_eigenvalue == pytest.approx(values[-1], rel=1e-12)
    forms = np.array([vectors[:, -1] @ h @ vectors[:, -1] for h in hessians])
    assert forms.mean() == pytest.approx(values[-1], rel=1e-12)
    assert found.top_eigenvalue_stderr == pytest.approx(forms.std(ddof=1) / 12**0.5, rel=1e-10)
    traces = np.array([np.trace(h) for h in hessians])
    assert found.trace == pytest.approx(traces.mean(), rel=1e-12)  # three vectors, three weights
    assert found.trace_stderr == pytest.approx(traces.std(ddof=1) / 12**0.5, rel=1e-10)


def test_standard_errors_are_the_spread_over_data_and_directions():
    """
    100 data sets of 150 samples: variances of the numbers against their squared errors.

    The variance of a variance of n normal numbers is 2/n of its square; first-order errors and
    folds add little at this size. Bounds of 4 standard errors.
    """
    n = 100
    found = [
        measure(
            LeastSquares(n=150, seed=s, optimal=False),
            n_directions=4,
            n_probes=2,
            n_folds=8,
            random_state=s,
        )
        for s in range(n)
    ]
    true = {"trace": 2 * 14.0, "top_eigenvalue": 2 * 9.0}
    for name in ("rise", "top_eigenvalue", "trace"):
        values = np.array([getattr(f, name) for f in found])
        variances = np.array([getattr(f, f"{name}_stderr") ** 2 for f in found])
        tolerance = values.var(ddof=1) * (2 / n) ** 0.5 + variances.std() / n**0.5
        assert variances.mean() == pytest.approx(values.var(ddof=1), abs=4 * tolerance), name
        if name in true:
            # the largest eigenvalue of a sample is too large by its variance over the gap of 10
            bias = values.var() / 10 if name == "top_eigenvalue" else 0.0
            error = 4 * values.std() / n**0.5 + bias
            assert values.mean() == pytest.approx(true[name], abs=error), name


def test_of_a_convolutional_net():
    X, y = make_data(SmallConv, 40)
    net = trained_net(SmallConv, X, y)
    before = weights_of(net)
    with untouched_generators():
        found = width_measures(net, X, y, n_directions=4, n_folds=5)
        again = width_measures(net, X, y, n_directions=4, n_folds=5)
    assert found == again
    assert same_weights(before, weights_of(net))
    assert net.module_.training
    assert found.rise > 0
    assert (found.n_directions, found.n_probes, found.n_folds) == (4, 32, 5)


class Relu(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, X):
        return self.layers(X)


def test_the_rise_is_the_same_where_a_rescaled_layer_is_undone_and_the_curvature_is_not(rng):
    """Dinh et al. 2017: the function is the same, its Hessian is not."""
    X, y = classes(rng)
    net = double_classifier(Relu)
    first, _, last = net.module_.layers
    plain = width_measures(net, X, y, n_directions=4, n_folds=4)
    with torch.no_grad():
        first.weight *= 5.0
        first.bias *= 5.0
        last.weight /= 5.0
    scaled = width_measures(net, X, y, n_directions=4, n_folds=4)
    assert scaled.loss == pytest.approx(plain.loss, rel=1e-12)
    assert scaled.rise == pytest.approx(plain.rise, rel=1e-9)
    assert scaled.rise_stderr == pytest.approx(plain.rise_stderr, rel=1e-9)
    assert scaled.norm > 1.5 * plain.norm
    assert scaled.trace > 1.5 * plain.trace
    assert scaled.top_eigenvalue > 1.5 * plain.top_eigenvalue


def test_narrower_is_larger():
    wide, narrow = LeastSquares(), LeastSquares()
    narrow.X = 2 * narrow.X
    narrow.y = 2 * narrow.y
    for name in ("rise", "top_eigenvalue", "trace"):
        ratio = getattr(measure(narrow), name) / getattr(measure(wide), name)
        assert ratio == pytest.approx(4.0, rel=1e-10)


def test_some_parameters_alone(rng):
    X, y = classes(rng)
    net = double_classifier(Relu)
    last = RandomDirections(parameters="layers.2.*")
    # 75 parameters, so that both traces are exact
    few = {"n_folds": 4, "n_directions": 4, "n_probes": 75}
    found = width_measures(net, X, y, directions=last, **few)
    assert found.norm == pytest.approx(float(net.module_.layers[2].weight.detach().norm()))
    whole = width_measures(net, X, y, **few)
    assert found.trace < whole.trace


def test_in_words():
    found = measure(LeastSquares())
    text = str(found)
    assert text.startswith("at a relative distance of 0.1 the loss rises from ")
    assert f"the largest eigenvalue is {found.top_eigenvalue:.3g} ± " in text
    assert f"the trace {found.trace:.3g} ± " in text
    without = measure(LeastSquares(), curvature=False)
    assert str(without) == text.split(";", maxsplit=1)[0]
    assert (without.rise, without.rise_stderr) == (found.rise, found.rise_stderr)
    assert math.isnan(without.trace)
    assert math.isnan(without.top_eigenvalue)
    assert math.isnan(without.top_eigenvalue_stderr)
    assert without.n_probes == 0


BAD = [
    ({"radius": 0.0}, ValueError, "`radius` must be finite and > 0"),
    ({"n_directions": 1}, ValueError, "`n_directions` must be >= 2"),
    ({"n_probes": 1}, ValueError, "`n_probes` must be >= 2"),
    ({"n_folds": 1}, ValueError, "`n_folds` must be >= 2"),
    ({"n_folds": 41}, ValueError, "`n_folds` must be <= 40, the number of samples, got 41"),
    (
        {"directions": RandomDirections(norm=2.0)},
        ValueError,
        "`directions` must have no norm of their own, got 2; set `radius`",
    ),
    (
        {"radius": 1e200},
        ValueError,
        "`radius` must be so small that losses are finite, got 1e\\+200",
    ),
]


@pytest.mark.parametrize(("params", "kind", "message"), BAD)
def test_what_is_refused(params, kind, message):
    with pytest.raises(kind, match=message):
        measure(LeastSquares(), **params)
