"""n_draws="auto": pairs and their mirror images, until the draws no longer matter."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.deltas.monte_carlo import grouped_rows
from sufficiency.probes import IsotropicGaussian, StudentT
from sufficiency.probes.draws import AntitheticDraws, ProbeDraws
from tests.engine.test_linear_gaussian import N_CANDIDATES, SIZE, problem, quadratic  # noqa: F401
from tests.oracles import MLP, gaussian_moment

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

CPU = torch.device("cpu")
CENTER = {"w": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2)}


def pairs(probe, n, mean=CENTER):
    return AntitheticDraws(probe.prepare(CENTER), range(n), CPU, mean)


@pytest.mark.parametrize("probe", [IsotropicGaussian(0.3), StudentT()])
def test_a_pair_is_a_draw_and_its_mirror_image(probe):
    drawn = pairs(probe, 3)
    plain = ProbeDraws(probe.prepare(CENTER), range(3), CPU).block(0, 3)
    whole = drawn.block(0, 6)
    assert drawn.n_draws == 6
    for name, center in CENTER.items():
        assert torch.equal(whole[name][::2], plain[name])
        torch.testing.assert_close(whole[name][1::2], 2 * center - plain[name], rtol=0, atol=0)


def test_blocks_of_any_size_give_the_same_pairs():
    drawn = pairs(IsotropicGaussian(), 4)
    whole = drawn.block(0, 8)
    parts = [drawn.block(0, 3), drawn.block(3, 4), drawn.block(4, 8)]
    for name in CENTER:
        assert torch.equal(whole[name], torch.cat([part[name] for part in parts]))


def test_grouped_rows():
    table = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(grouped_rows(table, 2), [[1.5, 2.5, 3.5], [7.5, 8.5, 9.5]])
    np.testing.assert_array_equal(grouped_rows(table, 1), table)


def estimator(**kwargs):
    net = NeuralNetClassifier(
        MLP, module__n_inputs=4, criterion=nn.CrossEntropyLoss, lr=0.1, max_epochs=20, verbose=0
    )
    defaults = {"sizes": [40, 80], "n_repeats": 2, "min_steps": 0, "curve": "theory"}
    defaults |= {"random_state": 0, "refit": False, "n_draws": "auto"}
    return LandscapeSufficiencyEstimator(net, **{**defaults, **kwargs})


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def test_more_are_taken_where_they_matter(iris):
    taken = {
        sigma: estimator(sigma=sigma).fit(*iris).result_.table("n_draws")
        for sigma in (0.01, 0.3, 3.0)
    }
    assert (taken[0.01] == 16).all()  # the first eight pairs
    assert (taken[3.0] >= taken[0.3]).all()
    assert (taken[3.0] == 256).any()
    for table in taken.values():
        assert set(table.ravel()) <= {16, 32, 64, 128, 256}


def test_the_mean_is_that_of_many_draws(iris):
    """Same trainings and candidates; the difference is the draws' error alone."""
    few = estimator(sigma=0.2).fit(*iris).result_
    many = estimator(sigma=0.2, n_draws=1000).fit(*iris).result_
    np.testing.assert_array_equal(few.table("train_loss"), many.table("train_loss"))
    assert (few.table("n_draws") < 256).any()
    ratio = few.table("delta") / many.table("delta")
    # stopped at a standard error of 5 % (or, with all 256 draws, not far above); four of them
    assert (np.abs(ratio - 1) < 4 * 0.07).all()


def test_pairs_are_unbiased_and_worth_more_than_draws(problem):  # noqa: F811
    """Where the increment is quadratic: Δ within four standard errors, which pairs make smaller."""
    from sufficiency.deltas import monte_carlo_delta
    from sufficiency.engine.loss_matrix import BlockPlan, loss_matrix, mean_losses
    from sufficiency.nets.losses import LossFunction

    net, X, y, weight = problem
    k, sigma = SIZE, 0.1
    values, gradients, hessians = quadratic(X, y, weight)
    exact = np.mean(
        [
            gaussian_moment(
                (values[j] - values[:k].mean()) / (k + 1),
                (gradients[j] - gradients[:k].mean(0)) / (k + 1),
                (hessians[j] - hessians[:k].mean(0)) / (k + 1),
                sigma,
            )
            for j in range(k, k + N_CANDIDATES)
        ]
    )
    center = LossFunction(net).center()
    sampler = IsotropicGaussian(sigma, "absolute").prepare(center)
    plan, errors = BlockPlan(500, 1000, vectorize=True), {}
    for group, draws in (
        (1, ProbeDraws(sampler, range(2000), CPU)),
        (2, AntitheticDraws(sampler, range(1000), CPU, center)),
    ):
        candidates = loss_matrix(net, draws, X[k:], y[k:, None], plan)
        train = mean_losses(net, draws, X[:k], y[:k, None], plan)
        difference = (candidates - train[:, None]) / (k + 1)
        rows = grouped_rows(difference**2, group).mean(1)
        errors[group] = rows.std(ddof=1) / len(rows) ** 0.5
        statistics = monte_carlo_delta(
            candidates, train, values[k:], values[:k].mean(), size=k, order=2, group=group
        )
        assert abs(statistics.delta - exact) < 4 * errors[group]
    assert errors[2] < 0.7 * errors[1]


class Shifting:
    """Not symmetric: adds what is never negative."""

    def prepare(self, center):
        return lambda generator: {
            n: w + 1e-3 * torch.rand(w.shape, generator=generator) for n, w in center.items()
        }


def test_no_mirror_images_without_symmetry(iris):
    taken = estimator(probe=Shifting()).fit(*iris).result_.table("n_draws")
    assert (taken == 8).all()  # pairs would be sixteen draws at least


@pytest.mark.parametrize("order", [1, 2])
def test_with_both_orders_and_the_same_bits_again(order, iris):
    first, second = (estimator(order=order).fit(*iris).result_ for _ in range(2))
    for name in ("delta", "stderr", "n_draws"):
        np.testing.assert_array_equal(first.table(name), second.table(name))
    assert (first.table("stderr") > 0).all()


@pytest.mark.parametrize("kwargs", [{"method": "gaussian_moment"}, {"train": "once"}])
def test_only_for_a_mean_over_draws_at_every_size(kwargs, iris):
    with pytest.raises(ValueError, match="`n_draws` must be an integer with method"):
        estimator(**kwargs).fit(*iris)


def test_other_words_are_no_number(iris):
    with pytest.raises(TypeError, match="`n_draws` must be an integer >= 1, got 'many'"):
        estimator(n_draws="many").fit(*iris)
