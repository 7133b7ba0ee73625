"""All cells of a fit: in parallel, largest first, with progress."""

from collections.abc import Callable

import joblib
from tqdm.auto import tqdm

from sufficiency._threads import threads_of_a_worker
from sufficiency.cells import Cell, Recipe, Samples, measure_cell
from sufficiency.ladder import Ladder

__all__ = ["run_cells"]

# A forward pass costs about a third of a training step on the same samples.
_FORWARD_SHARE = 1 / 3


def run_cells(
    recipe: Recipe,
    ladder: Ladder,
    samples: Samples,
    unseen: Samples | None,
    *,
    trained_samples: Callable[[int], int],
    n_jobs: int | None,
    verbose: int,
) -> list[Cell]:
    """
    Measure every (repeat, size).

    Parameters
    ----------
    recipe : Recipe
        How.
    ladder : Ladder
        What.
    samples, unseen : Samples
        Data and the user's own candidates, if any.
    trained_samples : callable
        Samples that the training at a size passes through the net, for the progress bar.
    n_jobs : int or None
        As in joblib; cells are independent.
    verbose : int
        1 or more: a progress bar whose estimate of the time left weighs cells by their cost.

    Returns
    -------
    list of Cell
        By repeat, then size.
    """
    n_threads = threads_of_a_worker(n_jobs)
    tasks = [(repeat, int(size)) for size in ladder.sizes[::-1] for repeat in _repeats(ladder)]
    n_candidates = len(ladder.splits[0].candidates) if unseen is None else len(unseen.y)

    def cost(size: int) -> float:
        return trained_samples(size) + _FORWARD_SHARE * recipe.n_draws * (size + n_candidates)

    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    running = parallel(
        joblib.delayed(measure_cell)(
            recipe, samples, unseen, ladder.splits[repeat], repeat, size, n_threads
        )
        for repeat, size in tasks
    )
    cells = []
    # the bar counts cost, not cells, so that its time left is right although large cells go first
    bar = tqdm(
        total=sum(cost(size) for _, size in tasks),
        desc="cells",
        disable=verbose < 1,
        bar_format="{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]{postfix}",
    )
    with bar:
        for cell in running:
            cells.append(cell)
            bar.set_postfix_str(f"{len(cells)}/{len(tasks)}", refresh=False)
            bar.update(cost(cell.size))
    return sorted(cells, key=lambda cell: (cell.repeat, cell.size))


def _repeats(ladder: Ladder) -> range:
    return range(len(ladder.splits))
