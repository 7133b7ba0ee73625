"""A small fit, its keys and its cells, for all tests of the store."""

import contextlib
import dataclasses
from unittest import mock

import numpy as np
from torch import nn

from sufficiency.cells.cell import CELL_COLUMNS
from sufficiency.data.splits import Split, Splits
from sufficiency.fit.runner import measure_group
from sufficiency.probes import IsotropicGaussian
from sufficiency.store.keys import FitKeys
from sufficiency.training import centers as training
from tests.cells.test_cells import Double, prepare
from tests.helpers import center_task

ORDER = np.random.default_rng(3).permutation(40)
SPLITS = tuple(
    Split(np.roll(ORDER, 10 * r)[:30], np.roll(ORDER, 10 * r)[30:], np.arange(40, 45))
    for r in range(2)
)
LADDER = Splits(np.array([10, 30]), SPLITS, True, SPLITS[0])
DURATIONS = {"fit_seconds", "probe_seconds"}

LIMITS = frozenset({"low", "high", "middle", "none", "some", "all"})


class Limited(Double):
    """Code with a set in it, whose order is another one in every process."""

    def forward(self, X):
        if self.hidden.out_features in {3, 7, "five", "eleven", None}:
            return X
        return super().forward(X) if "low" in LIMITS else X


def fit(net=None, n=45, **changes):
    """Settings and samples: classes, double precision."""
    from tests.helpers import classifier

    if net is None:
        net = classifier(Double, module__n_outputs=3, module__batch_norm=True, batch_size=16)
    return prepare(net, n, **({"probe": IsotropicGaussian(0.3)} | changes))


def keys_of_limited() -> list[str]:
    """Digests of a fit whose parts are in dictionaries and sets; for other processes too."""
    from tests.helpers import classifier

    net = classifier(
        Limited,
        module__n_outputs=3,
        criterion=nn.CrossEntropyLoss,
        optimizer__weight_decay=0.1,
        iterator_train__shuffle=True,
        iterator_train__collate_fn=lambda batch, kinds=LIMITS: nn.utils.rnn.pad_sequence(batch),
    )
    settings, samples = fit(net, scorer=lambda predictor, X, y: float(len(LIMITS)))
    keys = FitKeys.from_fit(settings, samples, samples.take(np.arange(3)))
    task = center_task(settings, SPLITS[0], 0, 10)
    return [keys.center(task).digest, keys.cells(task).digest]


def cells_of(store, settings, samples, split, repeat, size):
    """What a worker does with the task of one cell."""
    task = center_task(settings, split, repeat, size)
    return measure_group(0, [task], samples, None, store, None)[1]


def all_cells(store, settings, samples, ladder=LADDER):
    return [
        cell
        for repeat, split in enumerate(ladder.repeats)
        for size in ladder.sizes.tolist()
        for cell in cells_of(store, settings, samples, split, repeat, size)
    ]


def numbers(found, but=()):
    """Bits of all numbers, as text that NaN does not spoil."""
    columns = [name for name in CELL_COLUMNS if name not in but]
    return [[repr(getattr(cell, name)) for name in columns] + [cell.failure] for cell in found]


def changed(thing, **changes):
    return dataclasses.replace(thing, **changes)


@contextlib.contextmanager
def counted_trainings():
    """A list that gets the size of every training."""
    sizes = []
    original = training.train_net

    def train_net(net, X, y, *args, **kwargs):
        sizes.append(len(y))
        return original(net, X, y, *args, **kwargs)

    with mock.patch.object(training, "train_net", train_net):
        yield sizes
