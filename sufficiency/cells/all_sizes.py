"""Every size from the center of one net that is trained on everything (``train="once"``)."""

import numpy as np
import numpy.typing as npt

from sufficiency.cells.around_center import draw_losses, draws_around
from sufficiency.cells.at_center import CenterView
from sufficiency.cells.cell import Columns
from sufficiency.data.samples import Samples
from sufficiency.deltas import single_center_delta
from sufficiency.deltas.monte_carlo import top_share
from sufficiency.training.centers import TrainedCenter
from sufficiency.training.tasks import CenterTask

__all__ = ["statistics_of_all_sizes"]

Array = npt.NDArray[np.float64]


def statistics_of_all_sizes(
    task: CenterTask, center: TrainedCenter, view: CenterView, candidates: Samples
) -> list[Columns]:
    """
    Δ of every size, and what belongs to it.

    For a weight draw w with variance S²(w) of the per-sample losses, the expected squared
    increment over orders of the samples is S²(w)/(k(k+1)) for every k: on the training samples
    the paper's curve, on unseen candidates the one for decisions.
    """
    draws = draws_around(task, center)
    seen = draw_losses(task, center, draws, center.train, mean=False)
    losses = draw_losses(task, center, draws, candidates, mean=False)
    columns = _columns(losses, seen, view.point, np.array(task.sizes))
    columns["n_draws"] = np.full(len(task.sizes), float(draws.n_draws))
    return [
        {name: float(values[i]) for name, values in columns.items()} for i in range(len(task.sizes))
    ]


def _columns(
    losses: Array, seen: Array, point: Array, sizes: npt.NDArray[np.int64]
) -> dict[str, Array]:
    """Numbers of every size, from losses of the candidates, (B, J), and of its samples, (B, n)."""
    n = seen.shape[1]
    delta, stderr = single_center_delta(losses, sizes, finite=False)
    in_sample = np.full(len(sizes), np.nan)
    in_sample[sizes < n] = single_center_delta(seen, sizes[sizes < n])[0]
    centered = losses - losses.mean(axis=1, keepdims=True)
    # S² splits as Δ does: that of the mean over draws, and the variance over draws
    mean_sq = float((centered.mean(axis=0) ** 2).sum()) / (losses.shape[1] - 1)
    mean_part = mean_sq / (sizes * (sizes + 1.0))
    spread = float(losses.var(axis=1, ddof=1).mean())
    return {
        "delta": delta,
        "stderr": stderr,
        "delta_point": single_center_delta(point[None], sizes, finite=False)[0],
        # L_k is the mean of k other samples: its distance to theirs has the variance S²/k
        "gap_sq": spread / sizes,
        "spread": np.full(len(sizes), spread),
        "top1pct_share": np.full(len(sizes), top_share((centered**2).mean(axis=0))),
        "delta_mean_sq": mean_part,
        "delta_variance": delta - mean_part,
        "delta_in_sample": in_sample,
    }
