"""Single samples and slices in a cell: they add up to it, and are what a measurement of them is."""

import dataclasses
import math
from typing import ClassVar

import numpy as np
import pytest
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency import per_sample_losses
from sufficiency.cells.cell import SLICE_COLUMNS
from sufficiency.cells.measure import measure
from sufficiency.cells.unseen import UnseenSamples, shared, short
from sufficiency.cells.without import without
from sufficiency.data.slices import Slices, make_slices
from sufficiency.data.splits import Split
from sufficiency.training.centers import centers
from tests.cells.test_cells import Double, double_regressor, prepare
from tests.helpers import center_task, classifier, measure_cell

SPLIT = Split(np.arange(15, 50), np.arange(15), np.empty(0, dtype=np.int64))
SITES = np.array(["b", "a", "b", "a", "a"])[np.arange(50) % 5]
# Increments are kept in single precision.
SINGLE = 4 * float(np.finfo(np.float32).eps)

KINDS = {
    "monte_carlo": {"n_draws": 6},
    "order": {"order": 1},
    "subset": {"n_eval": 7},
    "auto": {"n_draws": "auto"},
    "moment": {"method": "gaussian_moment"},
}


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([], "float32"), ([0.0], "float32"), ([0.5, 1e-60], "float32"), ([1e60], "float64"),
     ([-1e60], "float64"), ([1e-60, 0.0], "float64")],
)  # fmt: skip
def test_numbers_are_short_unless_the_largest_is_out_of_range(values, dtype):
    kept = short(np.array(values))
    assert kept.dtype == dtype
    np.testing.assert_allclose(kept, values, rtol=2**-23, atol=1e-45)


def measured(kind=(), split=SPLIT, size=12, net=None):
    net = net or classifier(Double, module__n_outputs=3, max_epochs=10)
    settings, samples = prepare(net, **dict(kind))
    given = [("site", SITES)]
    slices = make_slices(given, settings.codec.classes, samples.encoded)
    samples = dataclasses.replace(samples, slices=slices)
    return measure_cell(settings, samples, None, split, 1, size), settings, samples


@pytest.fixture(scope="module", params=KINDS)
def cell(request):
    return measured(KINDS[request.param])[0]


def test_increments_reproduce_delta(cell):
    assert cell.unseen.candidates.tolist() == SPLIT.candidates.tolist()
    assert cell.unseen.increments.dtype == cell.unseen.losses.dtype == np.float32
    assert cell.unseen.increments.mean(dtype=np.float64) == pytest.approx(cell.delta, rel=SINGLE)
    assert cell.unseen.losses.mean(dtype=np.float64) == pytest.approx(cell.unseen_loss, rel=SINGLE)


def test_slices_reproduce_the_whole(cell):
    for partition in ("site", "class"):
        parts = [of for name, of in cell.slices.items() if name.startswith(partition)]
        weights = np.array([of["n_candidates"] for of in parts])
        assert weights.sum() == len(SPLIT.candidates)
        for column in ("delta", "delta_point", "unseen_loss", "unseen_score"):
            mean = weights @ [of[column] for of in parts] / weights.sum()
            # sums of fifteen numbers in double precision
            assert mean == pytest.approx(getattr(cell, column), rel=1e-12), column


@pytest.mark.parametrize("kind", ["monte_carlo", "order", "subset"])
def test_a_slice_is_a_measurement_of_its_candidates_alone(kind):
    cell, settings, samples = measured(KINDS[kind])
    members = SPLIT.candidates[SITES[SPLIT.candidates] == "a"]
    alone = dataclasses.replace(SPLIT, candidates=members)
    # as many as before are evaluated of the training samples, whatever the candidates
    expected = measure_cell(settings, samples, None, alone, 1, 12)
    found = cell.slices["site=a"]
    assert set(found) == set(SLICE_COLUMNS)
    assert found.pop("n_candidates") == len(members)
    for name, value in found.items():
        # the block of another length may be summed in another order
        assert value == pytest.approx(getattr(expected, name), rel=1e-9, nan_ok=True), name


def test_the_closed_form_of_a_slice_has_no_gap_and_the_rest_of_it():
    cell, settings, samples = measured(KINDS["moment"])
    members = SPLIT.candidates[SITES[SPLIT.candidates] == "a"]
    alone = dataclasses.replace(SPLIT, candidates=members)
    expected = measure_cell(settings, samples, None, alone, 1, 12)
    found = cell.slices["site=a"]
    assert math.isnan(found["gap_sq"])
    assert math.isnan(found["spread"])
    for name in ("delta", "stderr", "delta_point", "delta_mean_sq", "delta_variance"):
        assert found[name] == pytest.approx(getattr(expected, name), rel=1e-9), name


def test_one_net_for_all_sizes_has_slices_at_each():
    net = classifier(Double, module__n_outputs=3, max_epochs=10)
    settings, samples = prepare(net, train="once")
    samples = dataclasses.replace(samples, slices=make_slices([("site", SITES)]))
    [(task, center)] = centers([center_task(settings, SPLIT, 1, 30, (10, 20))], samples)
    for cell in measure(task, center, samples):
        mean = cell.unseen.increments.mean(dtype=np.float64)
        assert mean == pytest.approx(cell.delta, rel=SINGLE)
        assert set(cell.slices) == {"site=a", "site=b"}


@pytest.mark.parametrize("net", ["classifier", "regressor"])
def test_others_are_what_the_center_has_not_seen(net):
    made = double_regressor() if net == "regressor" else None
    cell, settings, samples = measured(net=made)
    # ten epochs of 12 samples are worth 360 passes, of which a sixtieth is 6
    assert cell.unseen.others.tolist() == SPLIT.order[12:18].tolist()
    [(_, center)] = centers([center_task(settings, SPLIT, 1, 12)], samples)
    expected = per_sample_losses(center.net, samples.X, samples.encoded)
    np.testing.assert_allclose(cell.unseen.other_losses, expected[cell.unseen.others], rtol=SINGLE)
    np.testing.assert_allclose(cell.unseen.losses, expected[cell.unseen.candidates], rtol=SINGLE)
    rows = np.r_[cell.unseen.candidates, cell.unseen.others]
    if net == "classifier":
        assert cell.unseen.predicted.tolist() == center.net.predict(samples.X)[rows].tolist()
    else:
        assert not len(cell.unseen.predicted)


class Counting(NeuralNetClassifier):
    calls: ClassVar = []

    def predict_proba(self, X):
        self.calls.append(len(X))
        return super().predict_proba(X)


def test_the_net_sees_candidates_once_for_all_slices_and_the_others_once():
    Counting.calls.clear()
    net = Counting(Double, module__n_outputs=3, criterion=nn.CrossEntropyLoss, max_epochs=10,
                   lr=0.1, verbose=0)  # fmt: skip
    cell, *_ = measured(net=net)
    assert np.isfinite([of["unseen_score"] for of in cell.slices.values()]).all()
    # what the training itself predicts is of no interest here
    assert Counting.calls[-2:] == [len(SPLIT.candidates), len(cell.unseen.others)]
    assert Counting.calls.count(len(SPLIT.candidates)) == 1


@pytest.mark.parametrize(("size", "epochs", "others"), [(12, 1, 0), (12, 30, 18), (3, 100, 12)])
def test_looking_at_others_takes_a_sixtieth_of_the_training(size, epochs, others):
    """And they are no more than four times what the center was trained on."""
    net = classifier(Double, module__n_outputs=3, max_epochs=epochs)
    cell, *_ = measured(net=net, size=size)
    assert len(cell.unseen.others) == others


@pytest.mark.parametrize("order", [1, 2])
def test_without_some_is_a_measurement_without_them(order):
    cell, settings, samples = measured({"order": order})
    gone = np.array([3, 7, 20])
    found = without(cell, gone, order, samples.slices)
    fewer = dataclasses.replace(SPLIT, candidates=np.setdiff1d(SPLIT.candidates, gone))
    expected = measure_cell(settings, samples, None, fewer, 1, 12)
    # means of numbers in single precision, near each other in size
    for name in ("delta", "delta_point", "unseen_loss", "top1pct_share"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-6), name
        for part, numbers in found.slices.items():
            assert numbers[name] == pytest.approx(expected.slices[part][name], rel=1e-6)
    # the draws' part is scaled, that of the candidates is their own
    assert found.stderr == pytest.approx(expected.stderr, rel=0.3)
    assert found.unseen.n_candidates == expected.unseen.n_candidates == 13
    assert found.unseen.candidates.tolist() == expected.unseen.candidates.tolist()
    assert 20 not in found.unseen.others
    for name in ("gap_sq", "spread", "unseen_score"):
        assert math.isnan(getattr(found, name))
    for name in ("train_loss", "grad_norm", "n_draws"):
        assert getattr(found, name) == getattr(cell, name)


def test_without_all_a_cell_has_no_numbers():
    cell, _, samples = measured()
    assert without(cell, SPLIT.candidates, 2, samples.slices).failure


def many(n=100_001, others=0):
    rng = np.random.default_rng(0)
    increments = rng.random(n).astype(np.float32) / 100
    return UnseenSamples(
        candidates=np.arange(n),
        increments=increments,
        losses=rng.random(n).astype(np.float32),
        others=n + np.arange(others),
        other_losses=rng.random(others).astype(np.float32),
        predicted=np.arange(n + others, dtype=np.int32),
        n_candidates=n,
    )


def test_of_very_many_the_largest_are_kept():
    whole = many(others=5)
    kept = whole.largest()
    assert len(kept.candidates) == 1000
    assert kept.n_candidates == 100_001
    assert kept.increments.min() >= np.sort(whole.increments)[-1000]
    assert kept.predicted.tolist() == [*kept.candidates.tolist(), *whole.others.tolist()]
    assert kept.others.tolist() == whole.others.tolist()
    few = many(100_000)
    assert few.largest() is few


def test_without_some_of_the_largest_the_sums_are_right():
    cell, *_ = measured()
    whole = many()
    increments, losses = whole.increments.astype(np.float64), whole.losses.astype(np.float64)
    kept = whole.largest()
    numbers = {"delta": increments.mean(), "stderr": _stderr(increments)}
    numbers["unseen_loss"] = losses.mean()
    cell = dataclasses.replace(cell, **numbers, unseen=kept, slices={})
    gone = kept.candidates[:5]
    found = without(cell, gone, 2, None)
    rest = np.delete(np.arange(len(increments)), gone)
    # sums of 10⁵ numbers, from which five are taken
    assert found.delta == pytest.approx(increments[rest].mean(), rel=1e-9)
    assert found.stderr == pytest.approx(_stderr(increments[rest]), rel=1e-9)
    assert found.unseen_loss == pytest.approx(losses[rest].mean(), rel=1e-9)
    assert found.unseen.n_candidates == len(rest)


def _stderr(values):
    return values.std(ddof=1) / math.sqrt(len(values))


def test_slices_none_of_whose_candidates_are_kept_stay_as_they_are():
    whole = many()
    kept = whole.largest()
    codes = np.zeros((len(whole.candidates), 1), dtype=np.int32)
    codes[np.argsort(whole.increments)[:50]] = 1
    slices = Slices(("site",), (("large", "small"),), codes)
    numbers = dict.fromkeys(SLICE_COLUMNS, 0.5)
    of_slices = {
        name: numbers | {"n_candidates": float(len(rows))}
        for name, rows in slices.members().items()
    }
    cell = dataclasses.replace(measured()[0], unseen=kept, slices=of_slices)
    found = without(cell, kept.candidates[:5], 2, slices)
    assert found.slices["site=small"] == of_slices["site=small"]
    assert found.slices["site=large"]["n_candidates"] == len(whole.candidates) - 55


def test_candidates_of_a_repeat_are_held_once_and_classes_by_the_largest_center():
    cells = [measured(size=size)[0].unseen for size in (12, 20)]
    first, last = shared(cells)
    assert first.candidates is last.candidates
    assert len(last.predicted) == len(last.candidates) + len(last.others)
    assert len(first.predicted) == len(first.others)
    assert shared([None, None]) == [None, None]


def test_slices_of_one_candidate_are_left_out():
    codes = np.zeros((50, 1), dtype=np.int32)
    codes[3] = 1
    settings, samples = prepare(double_regressor())
    slices = Slices(("site",), (("a", "b"),), codes)
    cell = measure_cell(settings, dataclasses.replace(samples, slices=slices), None, SPLIT, 1, 12)
    assert set(cell.slices) == {"site=a"}
