"""
What the paper's figures 1(b) to 10 show, measured on small data with several seeds.

Convolutional nets on noisy digits and perceptrons on mnist1d, the data and trainings of
examples/paper (perceptrons for 40 epochs, not 30), at the weights of the last epoch ("last") and
of the best validation loss ("best"): rise of the loss at relative distances, curvature, and how
both compare within a seed. Then Δ of one net against σ and dim, and where the integrand of Δ
lies, for several k.

    python docs/studies/findings_landscape.py

writes docs/studies/results/findings_landscape.json.
"""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import record
import torch
from skorch import NeuralNet
from skorch.dataset import Dataset

from sufficiency._random import child_rng, child_seed
from sufficiency.deltas import single_center_delta
from sufficiency.engine.loss_matrix import loss_matrix, plan_blocks
from sufficiency.landscape import RandomDirections, landscape_slice, width_measures
from sufficiency.landscape.planes import MeanLoss, plane_draws
from sufficiency.models import convnet_classifier, mlp_classifier
from sufficiency.nets.losses import LossFunction
from sufficiency.probes import RandomSubspace
from sufficiency.probes.draws import ProbeDraws

# the gallery's data and trainings
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "paper"))
from paper_setup import (
    Data,
    log_ratio,
    mean_and_stderr,
    misfit,
    mnist1d,
    noisy_digits,
    train,
)

SEEDS = range(6)
RADIUS, FAR, NORM, DIRECTIONS = 0.1, 1.0, 0.6, 8
CURVATURE_SAMPLES, PROBES, FOLDS = 250, 8, 5
SIGMAS, DIMS, DRAWS = (0.02, 0.05, 0.1, 0.2, 0.4), (1, 2, 4, 8, 16), 64
SIZES, ORDERS = (50, 200, 800), 400
BOTH = {"module__batch_norm": True, "module__dropout": 0.2}

Table = dict[str, list[float]]


def conv(**options: object) -> NeuralNet:
    """The paper's net at 16 channels, unless options say otherwise."""
    settings = {"module__channels": 16, "max_epochs": 15, "lr": 1e-3} | options
    return convnet_classifier(1, 10, module__image_size=8, **settings)


def mlp(**options: object) -> NeuralNet:
    """The paper's net."""
    return mlp_classifier(40, 10, max_epochs=40, lr=1e-3, **options)


NETS: dict[str, tuple[Callable[[], NeuralNet], Callable[[int], Data]]] = {
    "conv": (conv, noisy_digits),
    "conv batch norm": (lambda: conv(module__batch_norm=True), noisy_digits),
    "conv batch norm + dropout": (lambda: conv(**BOTH), noisy_digits),
    "conv depth 2": (lambda: conv(module__depth=2), noisy_digits),
    "conv depth 6": (lambda: conv(module__depth=6), noisy_digits),
    "conv 8 channels": (lambda: conv(module__channels=8), noisy_digits),
    "conv 32 channels": (lambda: conv(module__channels=32), noisy_digits),
    "conv 64 channels": (lambda: conv(module__channels=64), noisy_digits),
    "MLP": (mlp, mnist1d),
    "MLP batch norm": (lambda: mlp(module__batch_norm=True), mnist1d),
    "MLP batch norm + dropout": (lambda: mlp(**BOTH), mnist1d),
}
PAIRS = (
    ("conv batch norm", "conv"),
    ("conv batch norm + dropout", "conv batch norm"),
    ("conv batch norm + dropout", "conv"),
    ("MLP batch norm", "MLP"),
    ("MLP batch norm + dropout", "MLP batch norm"),
    ("MLP batch norm + dropout", "MLP"),
    ("conv", "conv depth 2"),
    ("conv depth 6", "conv"),
    ("conv depth 6", "conv depth 2"),
    ("conv", "conv 8 channels"),
    ("conv 32 channels", "conv"),
    ("conv 64 channels", "conv 32 channels"),
    ("conv 64 channels", "conv 8 channels"),
)


def widths(net: NeuralNet, data: Data, seed: int) -> dict[str, float]:
    """Of one center, on its training samples; curvature on the first of them."""
    settings = {"n_directions": DIRECTIONS, "curvature": False, "random_state": seed}
    near = width_measures(net, data.X, data.y, radius=RADIUS, **settings)
    far = width_measures(net, data.X, data.y, radius=FAR, **settings)
    fixed = width_measures(net, data.X, data.y, radius=NORM / near.norm, **settings)
    grid = np.linspace(-FAR, FAR, 11)
    plane = landscape_slice(
        net, data.X, data.y, size=CURVATURE_SAMPLES, grid=grid, random_state=seed
    )
    some = data.X[:CURVATURE_SAMPLES], data.y[:CURVATURE_SAMPLES]
    curved = width_measures(
        net, *some, n_directions=2, n_probes=PROBES, n_folds=FOLDS, random_state=seed
    )
    return {
        "loss": near.loss,
        "valid_loss": float(net.get_loss(*_outputs(net, data), training=False)),
        "valid_score": float(net.score(data.X_valid, data.y_valid)),
        "norm": near.norm,
        "rise": near.rise,
        "rise_far": far.rise,
        "rise_equal_norm": fixed.rise,
        "misfit": misfit(plane),
        # 2 for a parabola
        "exponent": float(np.log(far.rise / near.rise) / np.log(FAR / RADIUS)),
        "top_eigenvalue": curved.top_eigenvalue,
        "trace": curved.trace,
    }


def _outputs(net: NeuralNet, data: Data) -> tuple[torch.Tensor, torch.Tensor]:
    outputs = net.forward(Dataset(data.X_valid), training=False)
    return outputs, torch.as_tensor(data.y_valid)


def measured_widths() -> dict[str, dict[str, Table]]:
    """By center and net, a number for every seed."""
    found: dict[str, dict[str, Table]] = {"last": {}, "best": {}}
    for name, (make, get_data) in NETS.items():
        for seed in SEEDS:
            data = get_data(seed)
            centers = train(make(), data, seed)
            epoch = dict(centers["last"].callbacks_)["best"].epoch
            for center, net in centers.items():
                row = widths(net, data, seed) | {"epoch": float(epoch)}
                table = found[center].setdefault(name, {key: [] for key in row})
                for key, value in row.items():
                    table[key].append(value)
        print(name, summary(found["best"][name]["rise"]), flush=True)
    return found


def summary(values: npt.ArrayLike) -> dict[str, float]:
    """Mean and standard error over seeds."""
    return dict(zip(("mean", "stderr"), mean_and_stderr(values), strict=True))


def ratio(a: npt.ArrayLike, b: npt.ArrayLike) -> dict[str, float]:
    """Geometric mean of a/b over seeds, its logarithm, and the standard error of that."""
    logarithm, stderr = log_ratio(a, b)
    return {"ratio": float(np.exp(logarithm)), "log": logarithm, "log_stderr": stderr}


def comparisons(tables: dict[str, Table]) -> dict[str, dict]:
    """Of pairs of nets within a seed."""
    keys = ("rise", "rise_far", "rise_equal_norm", "misfit", "top_eigenvalue", "trace")
    found = {}
    for a, b in PAIRS:
        one, other = tables[a], tables[b]
        found[f"{a} / {b}"] = {key: ratio(one[key], other[key]) for key in keys}
        difference = np.array(one["exponent"]) - np.array(other["exponent"])
        found[f"{a} / {b}"]["exponent_difference"] = summary(difference)
    return found


def variances(net: NeuralNet, data: Data, probe: RandomSubspace, seed: int) -> tuple[float, float]:
    """k(k+1)Δ of one center for all k: of its training samples, and of unseen ones."""
    sampler = probe.prepare(LossFunction(net).center(), random_state=child_seed(seed, "directions"))
    seeds = [child_seed(seed, "probe", t) for t in range(DRAWS)]
    draws = ProbeDraws(sampler, seeds, torch.device("cpu"))
    constants = []
    for X, y in ((data.X, data.y), (data.X_valid, data.y_valid)):
        plan = plan_blocks(net, X, y, n_draws=DRAWS, vectorize=True)
        delta, _ = single_center_delta(loss_matrix(net, draws, X, y, plan), [1], finite=False)
        constants.append(2 * float(delta[0]))
    return constants[0], constants[1]


def integrand(net: NeuralNet, data: Data, seed: int) -> dict[str, list[float]]:
    """For every k: k(k+1) times the mass of the integrand, and its share within one σ."""
    sigma = RandomSubspace().sigma
    grid = np.linspace(-3, 3, 13) * sigma
    chosen = RandomDirections().around(net, random_state=seed)
    losses = MeanLoss(net, data.X, data.y)
    draws = plane_draws(losses, chosen.u, chosen.v, (grid, grid))
    plan = plan_blocks(net, data.X, data.y, n_draws=draws.n_draws, vectorize=True)
    matrix = loss_matrix(net, draws, data.X, data.y, plan)
    distance = np.add.outer(grid**2, grid**2).ravel() / sigma**2
    density = np.exp(-distance / 2) / np.exp(-distance / 2).sum()
    rng = child_rng(seed, "order")
    squares = np.zeros((len(SIZES), len(density)))
    for _ in range(ORDERS):
        order = rng.permutation(matrix.shape[1])
        for i, k in enumerate(SIZES):
            change = (matrix[:, order[k]] - matrix[:, order[:k]].mean(axis=1)) / (k + 1)
            squares[i] += change**2 / ORDERS
    weighted = squares * density
    pairs = np.array(SIZES) * (np.array(SIZES) + 1.0)
    inside = weighted[:, distance <= 1].sum(axis=1) / weighted.sum(axis=1)
    exact = (matrix.var(axis=1, ddof=1) * density).sum()
    return {
        "mass": (weighted.sum(axis=1) * pairs / exact).tolist(),
        "inside": inside.tolist(),
        "inside_of_p": [float(density[distance <= 1].sum())] * len(SIZES),
    }


def one_net() -> dict:
    """Figures 5 and 6: one net on everything, with batch norm and dropout, best weights."""
    rows: dict[str, list] = {"sigma": [], "dim": [], "dim_equal_distance": [], "integrand": []}
    for seed in SEEDS:
        data = mnist1d(seed)
        net = train(mlp(**BOTH), data, seed)["best"]
        for name, probes in {
            "sigma": [RandomSubspace(dim=2, sigma=s) for s in SIGMAS],
            "dim": [RandomSubspace(dim=d) for d in DIMS],
            "dim_equal_distance": [RandomSubspace(dim=d, sigma=0.2 / d**0.5) for d in DIMS],
        }.items():
            rows[name].append([variances(net, data, probe, seed) for probe in probes])
        rows["integrand"].append(integrand(net, data, seed))
    found: dict[str, dict] = {}
    for name in ("sigma", "dim", "dim_equal_distance"):
        table = np.array(rows[name])  # seeds, settings, (in-sample, unseen)
        found[name] = {
            kind: {
                "values": [summary(column) for column in table[:, :, i].T],
                "over_first": [ratio(column, table[:, 0, i]) for column in table[:, :, i].T],
            }
            for i, kind in enumerate(("in_sample", "unseen"))
        }
    for key in ("mass", "inside", "inside_of_p"):
        table = np.array([row[key] for row in rows["integrand"]])
        found.setdefault("integrand", {})[key] = [summary(column) for column in table.T]
        if key == "inside":
            found["integrand"]["inside_last_less_first"] = summary(table[:, -1] - table[:, 0])
    return found


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    tables = measured_widths()
    found = {
        "seeds": len(SEEDS),
        "radius": RADIUS,
        "far_radius": FAR,
        "equal_norm": NORM,
        "directions": DIRECTIONS,
        "curvature_samples": CURVATURE_SAMPLES,
        "sigmas": list(SIGMAS),
        "dims": list(DIMS),
        "draws": DRAWS,
        "sizes": list(SIZES),
        "orders": ORDERS,
        "widths": {
            center: {
                name: {key: summary(values) for key, values in table.items()}
                for name, table in by_net.items()
            }
            for center, by_net in tables.items()
        },
        "comparisons": {center: comparisons(by_net) for center, by_net in tables.items()},
        "one_net": one_net(),
    }
    print(record.write("findings_landscape", "python docs/studies/findings_landscape.py", found))


if __name__ == "__main__":
    main()
