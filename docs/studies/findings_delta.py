"""
Theorem 1's rate and the paper's "sufficient by a threshold", measured with several seeds.

One net for all sizes and a net for every size, the latter at the last weights and at the
validation-optimal ones, on the digits (the same 1 797 for every seed), on mnist1d (a new sample for
every seed) and on randhie. Then, for thresholds that are the same share of the loss everywhere:
what does the loss still do where Δ says that it is enough?

    python docs/studies/findings_delta.py

writes docs/studies/results/findings_delta.json.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import record
import torch
from scipy.stats import t as student_t
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyResult, per_sample_losses
from sufficiency.datasets import load_digits, load_randhie, make_mnist1d
from sufficiency.deltas import literal_curve, single_center_delta
from sufficiency.models import mlp_classifier

SEEDS = range(4)
REPEATS, STEPS = 2, 600
SIGMA, DRAWS, ORDERS, FIRST = 0.2, 16, 200, 20
SHARES = (3e-2, 1e-2, 3e-3, 1e-3)

Data = tuple[npt.NDArray, npt.NDArray]


class Conv1d(nn.Sequential):
    """Three convolutions of stride 2 on the 40 points of a curve."""

    def __init__(self, channels: int = 16) -> None:
        layers: list[nn.Module] = []
        for fan_in, kernel in ((1, 5), (channels, 3), (channels, 3)):
            layers += [nn.Conv1d(fan_in, channels, kernel, stride=2, padding=kernel // 2)]
            layers += [nn.ReLU()]
        super().__init__(*layers, nn.Flatten(), nn.Linear(5 * channels, 10))


class Regressor(nn.Sequential):
    """Two hidden layers of 32 units on nine columns."""

    def __init__(self) -> None:
        hidden = [nn.Linear(9, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU()]
        super().__init__(nn.BatchNorm1d(9, affine=False), *hidden, nn.Linear(32, 1))


TRAINING = {
    "optimizer": torch.optim.AdamW,
    "optimizer__weight_decay": 0.1,
    "batch_size": 64,
    "max_epochs": 1,
    "iterator_train__shuffle": True,
    "iterator_train__drop_last": True,
    "train_split": None,
    "verbose": 0,
}


@dataclass(frozen=True)
class Task:
    """Data, net and sizes."""

    data: Callable[[int], Data]
    net: Callable[[], NeuralNet]
    sizes: tuple[int, ...]
    n_candidates: int


def digits(seed: int) -> Data:
    """The same for every seed."""
    return load_digits(flat=True)


def mnist1d(seed: int) -> Data:
    """A new sample for every seed."""
    X, y = make_mnist1d(9000, random_state=seed)
    return X[:, None], y


def randhie(seed: int) -> Data:
    """The same for every seed."""
    return load_randhie()


def perceptron() -> NeuralNet:
    """Two hidden layers of 64 units."""
    return mlp_classifier(64, 10, module__width=64, module__depth=2, lr=3e-3, max_epochs=1)


def convolutional() -> NeuralNet:
    """For mnist1d."""
    return NeuralNetClassifier(Conv1d, criterion=nn.CrossEntropyLoss, lr=5e-3, **TRAINING)


def regressor() -> NeuralNet:
    """For randhie."""
    return NeuralNetRegressor(Regressor, lr=1e-3, **TRAINING)


TASKS = {
    "digits": Task(digits, perceptron, (100, 180, 330, 600, 1080), 300),
    "mnist1d": Task(mnist1d, convolutional, (500, 1000, 2000, 4000, 7000), 1000),
    "randhie": Task(randhie, regressor, (250, 500, 1000, 2000, 4000, 8000), 2000),
}


def measure(task: Task, seed: int, **settings: object) -> SufficiencyResult:
    """One ladder."""
    est = LandscapeSufficiencyEstimator(
        task.net(),
        sizes=list(task.sizes),
        n_repeats=REPEATS,
        n_draws=DRAWS,
        n_candidates=task.n_candidates,
        n_eval=None if settings.get("train") == "once" else 1000,
        sigma=SIGMA,
        min_steps=STEPS,
        refit=settings.get("train") == "once",
        random_state=seed,
        **settings,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return est.fit(*task.data(seed))


def slope(sizes: npt.ArrayLike, deltas: npt.ArrayLike) -> float:
    """−d log Δ/d log κ by least squares."""
    return float(-np.polyfit(np.log(np.asarray(sizes) + 1.0), np.log(deltas), 1)[0])


def spread(values: list[float]) -> dict:
    """Mean over seeds, its standard error and a 95 % interval."""
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))
    half = float(student_t.ppf(0.975, len(values) - 1)) * error
    return {"mean": mean, "stderr": error, "interval": [mean - half, mean + half], "seeds": values}


def retrained(results: list[SufficiencyResult]) -> dict:
    """Exponents over the whole ladder, its lower and its upper half; C(k) and losses."""
    sizes, half = results[0].sizes, len(results[0].sizes) // 2
    numerators = np.array([(r.deltas * (r.sizes + 1.0) ** 2) for r in results])
    tables = {
        name: np.array([r.table(name).mean(axis=0) for r in results])
        for name in ("unseen_loss", "train_loss", "unseen_score", "top1pct_share")
    }
    points = [r.table("delta_point").mean(axis=0) for r in results]
    return {
        "sizes": sizes.tolist(),
        "alpha": spread([slope(sizes, r.deltas) for r in results]),
        "alpha_small": spread([slope(sizes[: half + 1], r.deltas[: half + 1]) for r in results]),
        "alpha_large": spread([slope(sizes[half:], r.deltas[half:]) for r in results]),
        "alpha_last_two": spread([slope(sizes[-2:], r.deltas[-2:]) for r in results]),
        "alpha_point": spread([slope(sizes, point) for point in points]),
        "numerator": numerators.mean(axis=0).tolist(),
        "numerator_stderr": (numerators.std(axis=0, ddof=1) / np.sqrt(len(results))).tolist(),
        "constant_loss": results[0].constant_loss,
        **{name: table.mean(axis=0).tolist() for name, table in tables.items()},
    }


def one_center(task: Task, seed: int) -> dict:
    """The curve of train="once", and single orders of the samples around the same center."""
    est = measure(task, seed, train="once")
    X, y = (array[:1500] for array in task.data(seed))
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, tensor in est.net_.module_.named_parameters():
        noise = torch.randn((DRAWS, *tensor.shape), generator=generator)
        scale = SIGMA * tensor.detach().square().mean().sqrt()
        weights[name] = (tensor.detach() + scale * noise).numpy()
    losses = per_sample_losses(est.net_, X, y, weights=weights)
    k = np.arange(1, losses.shape[1])[FIRST:]
    rng = np.random.default_rng(seed)
    curves = np.array(
        [literal_curve(losses[:, rng.permutation(len(y))])[FIRST:] for _ in range(ORDERS)]
    )
    exact = single_center_delta(losses, k)[0]
    single = [slope(k, curve) for curve in curves]
    ratio = (curves / exact).mean(axis=1)
    return {
        "alpha": slope(est.result_.sizes, est.result_.deltas),
        "unseen_over_seen": float(est.result_.deltas[0] / est.result_.in_sample_deltas[0]),
        "orders": ORDERS,
        "alpha_of_mean_over_orders": slope(k, curves.mean(axis=0)),
        "alpha_of_exact": slope(k, exact),
        "alpha_of_one_order": [float(np.mean(single)), float(np.std(single, ddof=1))],
        "mean_over_exact": [float(ratio.mean()), float(ratio.std(ddof=1) / np.sqrt(ORDERS))],
        "deviation_at_one_size": float(np.median(curves.std(axis=0, ddof=1) / exact)),
    }


def once(task: Task) -> dict:
    """Over all seeds."""
    found = [one_center(task, seed) for seed in SEEDS]
    return {"seeds": found, "alpha": [each["alpha"] for each in found]}


def loss_at(result: SufficiencyResult, size: float) -> float | None:
    """Measured mean unseen loss, interpolated on logarithms; None outside the measured sizes."""
    sizes, losses = result.sizes, result.table("unseen_loss").mean(axis=0)
    if not sizes[0] <= size <= sizes[-1]:
        return None
    return float(np.exp(np.interp(np.log(size), np.log(sizes), np.log(losses))))


def thresholds(results: list[SufficiencyResult]) -> dict:
    """Where Δ meets a share of the loss, and what twice as many samples would do to the loss."""
    rows = {}
    for share in SHARES:
        verdicts = [result.verdict(share, relative=True) for result in results]
        savings = []
        for result, verdict in zip(results, verdicts, strict=True):
            inside = verdict.status == "reached"
            now = loss_at(result, verdict.size) if inside else None
            then = loss_at(result, 2 * verdict.size) if inside else None
            if now is not None and then is not None:
                savings.append(1 - then / now)
        rows[f"{share:g}"] = {
            "sizes": [verdict.size for verdict in verdicts],
            "statuses": [verdict.status for verdict in verdicts],
            "loss_saved_by_doubling": spread(savings) if len(savings) > 1 else savings,
        }
    return rows


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    study = {"seeds": len(SEEDS), "repeats": REPEATS, "steps": STEPS, "tasks": {}}
    for name, task in TASKS.items():
        last = [measure(task, seed).result_ for seed in SEEDS]
        found = {"each_size": {"last": retrained(last)}, "thresholds": thresholds(last)}
        if name != "randhie":
            best = [measure(task, seed, center="best").result_ for seed in SEEDS]
            found["each_size"]["best"] = retrained(best)
            found["once"] = once(task)
        study["tasks"][name] = found
        print(name, "done", flush=True)
    command = "python docs/studies/findings_delta.py"
    print(record.write("findings_delta", command, study, "statsmodels"))


if __name__ == "__main__":
    main()
