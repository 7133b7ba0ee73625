"""The bounds around a fitted net, and their lines beside Δ."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sufficiency import theory
from sufficiency.probes import LowRankGaussian
from sufficiency.theory.bound_constants import measure_constants
from tests.digits import digits, estimator

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")


@pytest.fixture(scope="module")
def fitted():
    return estimator(train="once", refit=True).fit(*digits())


def test_in_sample_and_bounds_are_drawn(fitted):
    display = fitted.plot_delta(show_bound=True)
    np.testing.assert_array_equal(
        display.in_sample_.get_ydata(), fitted.result_.table("delta_in_sample").mean(0)
    )
    constants = fitted.bound_constants()
    sizes = display.bound_.get_xdata()
    np.testing.assert_array_equal(display.bound_.get_ydata(), constants.whole(sizes))
    np.testing.assert_array_equal(display.theorem1_.get_ydata(), constants.curvature_part(sizes))
    # with 2 of their own loss range, M_ℓ alone is above every measured Δ here
    assert (constants.whole(fitted.sizes_) > fitted.deltas_).all()
    labels = {text.get_text() for text in display.ax_.get_legend().get_texts()}
    assert {"bound", "Theorem 1 (curvature term)", "on the training samples"} <= labels
    plain = estimator().fit(*digits()).plot_delta()
    assert plain.bound_ is plain.in_sample_ is None


def test_constants_of_a_low_rank_probe(fitted):
    center = dict(fitted.net_.module_.named_parameters())
    rng = np.random.default_rng(0)
    factor = {n: rng.normal(size=(2, *p.shape)) for n, p in center.items()}
    probe = LowRankGaussian(factor, diagonal=0.1)
    constants = measure_constants(fitted.net_, probe, fitted._some_samples)
    flat = np.hstack([f.reshape(2, -1) for f in factor.values()])
    largest = np.linalg.eigvalsh(flat @ flat.T).max()
    assert constants.sigma == pytest.approx(np.sqrt(0.1 + largest), rel=1e-6)
    assert constants.dim == flat.shape[1]
    expected = theory.theorem1_bound(
        [9], sigma=constants.sigma, dim=constants.dim, hessian_norm=constants.hessian_norm
    )
    assert constants.curvature_part([9]) == pytest.approx(expected)


def test_no_figure_is_opened_for_a_bound_without_a_net():
    with pytest.raises(Exception, match="not fitted"):
        estimator().fit(*digits()).plot_delta(show_bound=True)
    assert plt.get_fignums() == []
