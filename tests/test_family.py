"""Methods and one-center curves through the estimator, on three kinds of nets."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency import (
    LandscapeSufficiencyEstimator,
    QuadraticModelWarning,
    theory,
)
from sufficiency.curvature import validate_quadratic
from sufficiency.plotting import QuadraticValidationDisplay
from sufficiency.probes import IsotropicGaussian, LowRankGaussian, StudentT
from sufficiency.theory.bounds import measure_constants
from tests.oracles import MLP

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")


class BatchNormConv(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten()
        )
        self.head = nn.Linear(4 * 64, 10)

    def forward(self, X):
        return self.head(self.layers(X.reshape(-1, 1, 8, 8)))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(8, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(8, 10)

    def forward(self, X):
        return self.head(self.encoder(self.embed(X.reshape(-1, 8, 8))).mean(1))


class Perceptron(MLP):
    def __init__(self):
        super().__init__(n_inputs=64, n_outputs=10)


NETS = [Perceptron, BatchNormConv, Transformer]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:240] / 16, y[:240]


def estimator(module=Perceptron, **kwargs):
    net = NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        lr=0.1,
        max_epochs=20,
        batch_size=32,
        iterator_train__shuffle=True,
        verbose=0,
    )
    defaults = {"sizes": [60, 90, 120], "n_repeats": 2, "n_draws": 8, "n_candidates": 40}
    defaults |= {"min_steps": 0, "curve": "theory", "random_state": 0, "refit": False}
    return LandscapeSufficiencyEstimator(net, **{**defaults, **kwargs})


@pytest.mark.parametrize("module", NETS)
@pytest.mark.parametrize("scale", ["layer", "absolute"])
def test_the_closed_form_is_what_monte_carlo_estimates(module, scale, digits):
    """At a small σ, where the quadratic model holds; same trainings, same candidates."""
    probe = IsotropicGaussian(0.02 if scale == "layer" else 0.002, scale)
    exact = estimator(module, method="gaussian_moment", probe=probe, n_draws=24).fit(*digits)
    sampled = estimator(module, probe=probe, n_draws=64).fit(*digits)
    assert np.nanmax(exact.result_.table("quadratic_error")) < 0.02
    for name in ("train_loss", "delta_point"):
        np.testing.assert_allclose(
            exact.result_.table(name), sampled.result_.table(name), rtol=1e-5
        )
    # what the neighborhood adds to the point: its Monte Carlo error is that of a mean square of
    # nearly normal increments around D_j, 2·√(Δ_point·excess/64), four of them, plus rounding
    point = exact.result_.table("delta_point")
    added = exact.result_.table("delta") - point
    error = 4 * 2 * np.sqrt(point * np.abs(added) / 64) + 4 * np.abs(added) / 8 + 1e-5 * point
    assert (np.abs(sampled.result_.table("delta") - exact.result_.table("delta")) < error).all()


def test_a_scale_beyond_the_quadratic_model_warns(digits):
    with pytest.warns(QuadraticModelWarning, match="not\n? ?valid at this `sigma`"):
        estimator(method="gaussian_moment", sigma=2.0).fit(*digits)


@pytest.mark.parametrize("module", NETS)
def test_one_net_serves_all_sizes(module, digits):
    once = estimator(module, train="once").fit(*digits)
    table = once.result_.table
    sizes = once.sizes_.astype(float)
    # C/(k(k+1)) exactly, in-sample and unseen
    for name in ("delta", "delta_point", "stderr"):
        scaled = table(name) * sizes * (sizes + 1)
        np.testing.assert_allclose(scaled, scaled[:, :1] * np.ones(3), rtol=1e-12)
    seen = table("delta_in_sample") * sizes * (sizes + 1)
    np.testing.assert_allclose(seen, seen[:, :1] * np.ones(3), rtol=1e-12)
    assert (table("train_loss") == table("train_loss")[:, :1]).all()
    # S²(k+1)/k is gap² + spread, so that growth by one sample is Δ itself
    np.testing.assert_allclose(
        (table("gap_sq") + table("spread")) / (sizes + 1) ** 2, table("delta"), rtol=1e-12
    )
    assert (table("fit_seconds")[:, 1:] == 0).all()
    parts = table("delta_mean_sq"), table("delta_variance")
    np.testing.assert_allclose(sum(parts), table("delta"), rtol=1e-12)
    # one draw at the center would have no variance; the probe's is some of Δ
    assert (parts[0] > 0).all()
    assert (parts[1] > 0).all()


def test_one_net_is_trained_on_all_samples_but_the_candidates(digits):
    seen = []

    class Recording(Perceptron):
        def forward(self, X):
            if self.training:
                seen.append(len(X))
            return super().forward(X)

    estimator(Recording, train="once", n_repeats=1).fit(*digits)
    assert sum(seen) == 20 * 200
    assert max(seen) == 32


def test_in_sample_and_bounds_are_drawn(digits):
    once = estimator(train="once", refit=True).fit(*digits)
    display = once.plot_delta(show_bound=True)
    np.testing.assert_array_equal(
        display.in_sample_.get_ydata(), once.result_.table("delta_in_sample").mean(0)
    )
    constants = once.bound_constants()
    sizes = display.bound_.get_xdata()
    np.testing.assert_array_equal(display.bound_.get_ydata(), constants.whole(sizes))
    np.testing.assert_array_equal(display.theorem1_.get_ydata(), constants.curvature_part(sizes))
    # with 2 of their own loss range, M_ℓ alone is above every measured Δ here
    assert (constants.whole(once.sizes_) > once.deltas_).all()
    labels = {text.get_text() for text in display.ax_.get_legend().get_texts()}
    assert {"bound", "Theorem 1 (curvature term)", "on the training samples"} <= labels
    plain = estimator().fit(*digits).plot_delta()
    assert plain.bound_ is plain.in_sample_ is None


def test_constants_of_a_low_rank_probe(digits):
    fitted = estimator(refit=True).fit(*digits)
    center = dict(fitted.net_.module_.named_parameters())
    rng = np.random.default_rng(0)
    factor = {n: rng.normal(size=(2, *p.shape)) for n, p in center.items()}
    probe = LowRankGaussian(factor, diagonal=0.1)
    constants = measure_constants(fitted.net_, probe, fitted._some_samples)
    flat = np.hstack([f.reshape(2, -1) for f in factor.values()])
    largest = np.linalg.eigvalsh(flat @ flat.T).max()
    assert constants.sigma == pytest.approx(np.sqrt(0.1 + largest), rel=1e-6)
    assert constants.dim == flat.shape[1]
    assert constants.n_examined == 64
    expected = theory.theorem1_bound(
        [9], sigma=constants.sigma, dim=constants.dim, hessian_norm=constants.hessian_norm
    )
    assert constants.curvature_part([9]) == pytest.approx(expected)


class NeverTrained(Perceptron):
    def forward(self, X):
        assert not self.training, "a training was started before the input was refused"
        return super().forward(X)


REFUSED = [
    ({"order": 1, "method": "gaussian_moment"}, ValueError, "`order` must be 2 with method"),
    ({"order": 1, "train": "once"}, ValueError, "`order` must be 2 with train"),
    ({"train": "once", "method": "gaussian_moment"}, ValueError, "`method` must be 'monte_carlo'"),
    ({"train": "once", "n_candidates": 1}, ValueError, "`n_candidates` must be >= 2"),
    ({"method": "gaussian_moment", "probe": StudentT()}, TypeError, "`probe` must be Gaussian"),
    ({"method": "gauss"}, ValueError, "did you mean 'gaussian_moment'"),
    ({"train": "one"}, ValueError, "did you mean 'once'"),
    ({"probe": IsotropicGaussian(parameters="nobody.*")}, ValueError, "which matches none"),
]


@pytest.mark.parametrize(("kwargs", "error", "message"), REFUSED)
def test_senseless_combinations_are_refused_before_any_training(kwargs, error, message, digits):
    with pytest.raises(error, match=message):
        estimator(NeverTrained, **kwargs).fit(*digits)


def test_where_the_quadratic_model_holds_is_asked_of_the_estimator(digits):
    fitted = estimator(refit=True).fit(*digits)
    found = validate_quadratic(fitted, [0.01, 0.1, 3.0])
    assert (np.diff(found.relative_error) > 0).all()
    assert found.relative_error[0] < 0.01
    assert found.largest_valid < 3.0
    display = QuadraticValidationDisplay.from_validation(found)
    assert display.ax_.get_xscale() == "log"
    with pytest.raises(Exception, match="not fitted"):
        validate_quadratic(estimator().fit(*digits), [0.1])


def test_the_quadratic_model_is_asked_along_the_estimators_probe(digits):
    errors = [
        validate_quadratic(estimator(refit=True, probe=probe).fit(*digits), [0.3]).relative_error[0]
        for probe in (IsotropicGaussian(), IsotropicGaussian(parameters="layers.2.bias"))
    ]
    # cross-entropy is nearly quadratic in a bias that is small
    assert errors[1] < 0.1 * errors[0]


def test_one_net_has_no_learning_curve(digits):
    once = estimator(train="once").fit(*digits)
    assert np.isnan(once.verdict(1e-4).saving)
    with pytest.raises(ValueError, match="at least 3 sizes with a loss"):
        once.result_.predict_size_for_loss(0.5)
    assert once.plot_learning_curve().curve_ is None


def test_a_bound_is_about_squares(digits):
    with pytest.raises(ValueError, match="`order` must be 2 for a bound"):
        estimator(order=1, refit=True).fit(*digits).plot_delta(show_bound=True)


def test_a_bound_needs_a_gaussian_probe_and_a_net(digits):
    with pytest.raises(TypeError, match="`probe` must be Gaussian for a bound"):
        estimator(probe=StudentT(), refit=True).fit(*digits).plot_delta(show_bound=True)
    with pytest.raises(Exception, match="not fitted"):
        estimator().fit(*digits).plot_delta(show_bound=True)
    assert plt.get_fignums() == []
