"""Results of one project on growing data, whose curves are known."""

import numpy as np

from sufficiency.result import SufficiencyResult
from tests.helpers import make_result

SETTINGS = {
    "net": "NeuralNetClassifier",
    "net_parameters": "module=MLP, lr=0.1",
    "scoring": "the net's own",
    "probe": "IsotropicGaussian(scale='layer', sigma=0.2)",
    "method": "monte_carlo",
    "train": "each_size",
    "center": "last",
    "n_draws": "32",
    "min_steps": "500",
    "root_seed": "1",
}


def result_of(n: int, seed: int = 0, noise: float = 0.02, **changes) -> SufficiencyResult:
    """Loss 0.1 + 3/√κ, score 1 − loss/3, Δ = 4/κ^2.2; eight sizes up to 4/5, four repeats."""
    sizes = np.geomspace(n / 32, 0.8 * n, 8).astype(int)
    kappa, rng = sizes + 1.0, np.random.default_rng(seed)

    def noisy(values):
        shared, single = rng.standard_normal((4, 1)), rng.standard_normal((4, len(sizes)))
        return values * np.exp(noise * (shared + single))

    loss = noisy(0.1 + 3.0 / np.sqrt(kappa))
    columns = {"unseen_loss": loss, "unseen_score": 1.0 - loss / 3.0, "settings": SETTINGS}
    columns |= {"n_samples": n, "n_candidates": n // 5, "family": "auto"} | changes
    return make_result(noisy(4.0 / kappa**2.2), sizes, **columns)
