"""
Which probe and which method: cost and accuracy at one center, and one net for a whole ladder.

Digits, the default perceptron. At one trained center, Δ of every probe by every method that takes
it, against Monte Carlo with 2000 draws of the same probe: root mean square relative error over
twelve runs with other random numbers, and seconds of one run, preparation of the probe included.
Then five sizes with a training each against one net for all of them.

    python docs/studies/methods.py

writes docs/studies/results/methods.json.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import record
import torch
from sklearn.datasets import load_digits
from skorch import NeuralNet

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency._random import child_seed
from sufficiency.curvature import hessian_operator, quadratic_validation
from sufficiency.data.samples import Samples
from sufficiency.deltas import gaussian_moment_delta, quadratic_monte_carlo_delta
from sufficiency.engine.loss_matrix import loss_matrix, mean_losses, plan_blocks
from sufficiency.fit.plan import plan_fit
from sufficiency.nets.losses import LossFunction
from sufficiency.probes import (
    CurvatureSubspace,
    GaussianSampler,
    IsotropicGaussian,
    PointMass,
    Probe,
    RandomSubspace,
    Sampler,
    StudentT,
    UniformSphere,
)
from sufficiency.probes.base import prepare_probe
from sufficiency.probes.draws import ProbeDraws
from sufficiency.training.centers import centers

SIZE, DRAWS, REFERENCE, RUNS = 700, 32, 2000, 12
SIGMAS = [0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5]
PROBES: dict[str, Probe] = {
    "PointMass()": PointMass(),
    "IsotropicGaussian(0.1)": IsotropicGaussian(0.1),
    "IsotropicGaussian()": IsotropicGaussian(),
    'IsotropicGaussian(parameters="layers.4.*")': IsotropicGaussian(parameters="layers.4.*"),
    "RandomSubspace()": RandomSubspace(),
    "CurvatureSubspace()": CurvatureSubspace(),
    "UniformSphere()": UniformSphere(),
    "StudentT()": StudentT(),
}


def digits() -> tuple:
    """Samples and labels."""
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


@dataclass(frozen=True, eq=False)
class Center:
    """A trained net with what it was trained on and what it has not seen."""

    net: NeuralNet
    train: Samples
    unseen: Samples

    @property
    def data(self) -> tuple:
        """As the closed forms take it."""
        return self.train.X, self.train.encoded, self.unseen.X, self.unseen.encoded

    def prepared(self, probe: Probe) -> Sampler:
        """With the same directions in every run."""
        make_hessian = partial(hessian_operator, self.net, self.train.X, self.train.encoded)
        return prepare_probe(probe, LossFunction(self.net).center(), make_hessian)

    def draws(self, sampler: Sampler, run: int, count: int) -> ProbeDraws:
        """With seeds of this run."""
        seeds = [child_seed(run, "probe", t) for t in range(count)]
        return ProbeDraws(sampler, seeds, torch.device("cpu"))

    def monte_carlo(self, sampler: Sampler, run: int, count: int) -> np.ndarray:
        """Mean square increment over the candidates, at every draw."""
        draws = self.draws(sampler, run, count)
        plan = plan_blocks(
            self.net, self.train.X, self.train.encoded, n_draws=count, vectorize=True,
            weight_bytes=draws.bytes_per_draw,
        )  # fmt: skip
        losses = loss_matrix(self.net, draws, self.unseen.X, self.unseen.encoded, plan)
        means = mean_losses(self.net, draws, self.train.X, self.train.encoded, plan)
        return ((losses - means[:, None]) ** 2).mean(axis=1) / (SIZE + 1) ** 2


def trained_center() -> Center:
    """The estimator's own cell at this size, seed 0."""
    est = LandscapeSufficiencyEstimator(
        sizes=[SIZE // 2, SIZE], n_repeats=1, curve="theory", refit=False, random_state=0
    )
    plan = plan_fit(est, *digits())
    [task] = [task for task in plan.tasks if task.size == SIZE]
    [(_, center)] = centers([replace(task, seed=plan.settings.root)], plan.samples)
    return Center(center.net, center.train, plan.samples.take(task.split.candidates))


def methods(center: Center, probe: Probe) -> dict[str, Callable[[int], float]]:
    """Δ by each method that takes the probe, as a function of the run."""

    def quadratic(run: int) -> float:
        weights = center.draws(center.prepared(probe), run, DRAWS).block(0, DRAWS)
        return quadratic_monte_carlo_delta(center.net, *center.data, weights).delta

    def closed(run: int) -> float:
        sampler = center.prepared(probe)
        moment = gaussian_moment_delta(
            center.net, *center.data, sampler, n_probes=DRAWS, seed=child_seed(run, "probe", 0)
        )
        return moment.statistics.delta

    found: dict[str, Callable[[int], float]] = {
        "monte_carlo": lambda run: float(
            center.monte_carlo(center.prepared(probe), run, DRAWS).mean()
        ),
        "quadratic_monte_carlo": quadratic,
    }
    if isinstance(center.prepared(probe), GaussianSampler):
        found["gaussian_moment"] = closed
    return found


def compare(center: Center, probe: Probe) -> dict:
    """All methods against many draws."""
    rows = center.monte_carlo(center.prepared(probe), RUNS, REFERENCE)
    reference = float(rows.mean())
    study = {
        "reference": reference,
        "reference_relative_stderr": float(rows.std(ddof=1) / REFERENCE**0.5 / reference),
        "methods": {},
    }
    for name, method in methods(center, probe).items():
        method(0)  # once for nothing: the first call of anything is slow
        start = time.perf_counter()
        errors = np.array([method(run) for run in range(RUNS)]) / reference - 1
        seconds = (time.perf_counter() - start) / RUNS
        squares = errors**2
        rms = float(np.sqrt(squares.mean()))
        study["methods"][name] = {
            "rms_error": rms,
            "rms_error_stderr": float(squares.std(ddof=1) / RUNS**0.5 / (2 * rms)) if rms else 0.0,
            "bias": float(errors.mean()),
            "bias_stderr": float(errors.std(ddof=1) / RUNS**0.5),
            "seconds": seconds,
        }
    return study


def ladder(train: str) -> dict:
    """Δ of five sizes in four repeats, and what a size costs."""
    est = LandscapeSufficiencyEstimator(
        sizes=5, train=train, curve="theory", refit=False, random_state=0
    )
    est.fit(*digits())
    table = est.result_.table
    cells = len(est.sizes_) * est.n_repeats
    return {
        "sizes": est.sizes_.tolist(),
        "delta": est.deltas_.tolist(),
        "stderr": est.delta_stderr_.tolist(),
        "in_sample": table("delta_in_sample").mean(axis=0).tolist(),
        "fit_seconds_per_cell": float(table("fit_seconds").sum() / cells),
        "probe_seconds_per_cell": float(table("probe_seconds").sum() / cells),
    }


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    center = trained_center()
    validation = quadratic_validation(center.net, *center.data, SIGMAS)
    found = {
        "size": SIZE,
        "n_candidates": len(center.unseen.y),
        "draws": DRAWS,
        "reference_draws": REFERENCE,
        "runs": RUNS,
        "n_parameters": sum(w.numel() for w in LossFunction(center.net).center().values()),
        "validation": {
            "sigmas": validation.sigmas.tolist(),
            "relative_error": validation.relative_error.tolist(),
            "stderr": validation.stderr.tolist(),
            "delta_ratio": validation.delta_ratio.tolist(),
            "largest_valid": validation.largest_valid,
        },
        "probes": {name: compare(center, probe) for name, probe in PROBES.items()},
        "ladder": {train: ladder(train) for train in ("each_size", "once")},
    }
    print(record.write("methods", "python docs/studies/methods.py", found))


if __name__ == "__main__":
    main()
