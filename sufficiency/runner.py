"""All cells of a fit: in parallel, largest first, with progress."""

from collections.abc import Callable

import joblib
from tqdm.auto import tqdm

from sufficiency._threads import threads_of_a_worker
from sufficiency.cells import Cell, measure_cell
from sufficiency.ladder import Ladder
from sufficiency.once import measure_once
from sufficiency.recipe import Recipe, Samples

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
    repeats = range(len(ladder.splits))
    tasks = [(repeat, int(size)) for size in ladder.sizes[::-1] for repeat in repeats]
    n_candidates = len(ladder.splits[0].candidates) if unseen is None else len(unseen.y)

    def cost(size: int) -> float:
        probed = recipe.usual_draws * (recipe.evaluated(size) + n_candidates)
        return trained_samples(size) + _FORWARD_SHARE * probed

    shared = (recipe, samples, unseen)
    if recipe.train == "once":
        calls = (
            joblib.delayed(measure_once)(*shared, split, repeat, ladder.sizes, n_threads)
            for repeat, split in enumerate(ladder.splits)
        )
    else:
        calls = (
            joblib.delayed(measure_cell)(*shared, ladder.splits[repeat], repeat, size, n_threads)
            for repeat, size in tasks
        )
    running = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(calls)
    cells: list[Cell] = []
    # the bar counts cost, not cells, so that its time left is right although large cells go first
    bar = tqdm(
        total=sum(cost(size) for _, size in tasks),
        desc="cells",
        disable=verbose < 1,
        bar_format="{desc} {percentage:3.0f}%|{bar}| [{elapsed}<{remaining}]{postfix}",
    )
    with bar:
        for done in running:
            finished = done if isinstance(done, list) else [done]
            cells.extend(finished)
            bar.set_postfix_str(f"{len(cells)}/{len(tasks)}", refresh=False)
            bar.update(sum(cost(cell.size) for cell in finished))
    return sorted(cells, key=lambda cell: (cell.repeat, cell.size))
