"""One net of a repeat that serves all its sizes."""

import numpy as np
import pytest

from tests.digits import NETS, Perceptron, digits, estimator

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")


@pytest.mark.parametrize("module", NETS)
def test_one_net_serves_all_sizes(module):
    once = estimator(module, train="once").fit(*digits())
    table = once.result_.table
    sizes = once.sizes_.astype(float)
    # C/(k(k+1)) exactly, in-sample and unseen
    for name in ("delta", "delta_point", "stderr", "delta_in_sample"):
        scaled = table(name) * sizes * (sizes + 1)
        np.testing.assert_allclose(scaled, scaled[:, :1] * np.ones(3), rtol=1e-12)
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


def test_it_is_trained_on_all_samples_but_the_candidates():
    seen = []

    class Recording(Perceptron):
        def forward(self, X):
            if self.training:
                seen.append(len(X))
            return super().forward(X)

    estimator(Recording, train="once", n_repeats=1, train_together=False).fit(*digits())
    # before the first training, a step is tried on a few samples, after a look at its outputs
    assert sum(seen[2:]) == 20 * 200
    assert max(seen) == 32


def test_it_has_no_learning_curve():
    once = estimator(train="once").fit(*digits())
    assert np.isnan(once.verdict(1e-4).saving)
    with pytest.raises(ValueError, match="at least 3 sizes with a loss"):
        once.result_.predict_size_for_loss(0.5)
    assert once.plot_learning_curve().curve_ is None
