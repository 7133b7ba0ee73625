"""The closed form and Monte Carlo through the estimator, around the same centers."""

import numpy as np
import pytest

from sufficiency import QuadraticModelWarning
from sufficiency.probes import IsotropicGaussian
from tests.digits import NETS, digits, estimator

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")


@pytest.fixture(scope="module")
def centers(tmp_path_factory):
    """A store, so that every net is trained once."""
    return tmp_path_factory.mktemp("centers")


@pytest.mark.parametrize("scale", ["layer", "absolute"])
@pytest.mark.parametrize("module", NETS)
def test_the_closed_form_is_what_monte_carlo_estimates(module, scale, centers):
    """At a small σ, where the quadratic model holds."""
    probe = IsotropicGaussian(0.02 if scale == "layer" else 0.002, scale)
    given = {"probe": probe, "n_repeats": 1, "store": centers}
    exact = estimator(module, method="gaussian_moment", n_draws=24, **given).fit(*digits())
    sampled = estimator(module, n_draws=64, **given).fit(*digits())
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


def test_a_scale_beyond_the_quadratic_model_warns(centers):
    with pytest.warns(QuadraticModelWarning, match="not\n? ?valid at this `sigma`"):
        estimator(method="gaussian_moment", sigma=2.0, store=centers).fit(*digits())
