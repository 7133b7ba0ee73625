"""Which samples and which groups: what a fit keeps, and every answer that rests on it."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from sufficiency import LandscapeSufficiencyEstimator, SufficiencyResult
from sufficiency.exceptions import InvalidParameterError
from tests.helpers import make_result

SAVED = Path(__file__).parent / "data" / "saved_result_1"
QUICK = {"sizes": 3, "n_repeats": 3, "min_steps": 150, "n_draws": 8, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")


@pytest.fixture(scope="module")
def data():
    X, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    X, y = np.repeat(X, 2, axis=0), np.repeat(np.array(["setosa", "green", "red"])[y], 2)
    X = (X + 0.05 * rng.normal(size=X.shape)).astype(np.float32)
    site = np.where(rng.random(len(y)) < 0.4, "east", "west").astype(object)
    site[:3] = "north"
    return X, y, site


@pytest.fixture(scope="module")
def result(data):
    X, y, site = data
    est = LandscapeSufficiencyEstimator(refit=False, **QUICK)
    return est.fit(X, y, slices={"site": site}).result_


@pytest.fixture(scope="module")
def frame(result):
    return result.samples()


class TestSamples:
    def test_shares_add_up_and_ranks_follow_the_loss(self, result, frame):
        assert frame["share"].sum() == pytest.approx(1.0, abs=1e-12)
        candidates = np.unique(np.concatenate([c.unseen.candidates for c in result.cells]))
        assert np.sort(frame.index[frame["share"].notna()]).tolist() == candidates.tolist()
        assert frame["rank"].tolist() == list(range(1, len(frame) + 1))
        assert (np.diff(frame["loss"]) <= 0).all()

    def test_a_share_is_the_mean_over_cells_of_that_in_each(self, result, frame):
        row = frame.index[frame["share"].notna()][0]
        shares = []
        for cell in result.cells:
            increments = cell.unseen.increments.astype(float)
            own = increments[cell.unseen.candidates == row]
            shares.append(own.sum() / increments.sum())
        assert frame.loc[row, "share"] == pytest.approx(np.mean(shares), rel=1e-12)

    def test_a_loss_is_the_mean_over_centers_weighted_by_their_sizes_squared(self, result, frame):
        for row in frame.index[[0, 50, -1]]:
            losses, sizes = [], []
            for cell in result.cells:
                u = cell.unseen
                rows, both = np.r_[u.candidates, u.others], np.r_[u.losses, u.other_losses]
                losses += both[rows == row].tolist()
                sizes += [cell.size] * int((rows == row).sum())
            assert frame.loc[row, "n_cells"] == len(losses)
            expected = np.average(losses, weights=np.square(sizes))
            assert frame.loc[row, "loss"] == pytest.approx(expected, rel=1e-9)

    def test_labels_and_partitions_are_those_given(self, data, frame):
        _, y, site = data
        assert (frame["label"] == y[frame.index]).all()
        assert (frame["site"] == site[frame.index]).all()
        # trained nets know most irises
        assert (frame["predicted"] == frame["label"]).mean() > 0.8

    def test_errors_over_repeats_where_repeats_share_candidates(self, data):
        X, y, _ = data
        unseen = (X[::5], y[::5])
        est = LandscapeSufficiencyEstimator(refit=False, **QUICK)
        est.fit(X[1::5], y[1::5], X_unseen=unseen[0], y_unseen=unseen[1])
        frame = est.result_.samples()
        of_repeats = []
        for repeat in range(3):
            shares = []
            for cell in est.result_.cells:
                if cell.repeat == repeat:
                    shares.append(cell.unseen.increments.astype(float))
                    shares[-1] /= shares[-1].sum()
            of_repeats.append(np.mean(shares, axis=0))
        expected = np.std(of_repeats, axis=0, ddof=1) / np.sqrt(3)
        found = frame.sort_index()["share_stderr"]
        np.testing.assert_allclose(found, expected, rtol=1e-9)

    def test_a_few(self, result, frame):
        assert result.samples(4).equals(frame.head(4))
        with pytest.raises(ValueError, match="`top` must be >= 1, got 0"):
            result.samples(0)

    def test_flipped_labels_come_first(self, data):
        X, y, _ = data
        wrong = np.array([4, 40, 90])  # of setosa, which nothing is like
        noisy = y.copy()
        noisy[wrong] = ["red", "green", "green"]
        est = LandscapeSufficiencyEstimator(refit=False, **QUICK).fit(X, noisy)
        assert set(wrong) <= set(est.result_.samples(15).index)

    def test_regressors_have_no_labels(self, data):
        X, _, site = data
        est = LandscapeSufficiencyEstimator(refit=False, **QUICK).fit(X, X[:, 0].astype(float))
        assert "label" not in est.result_.samples()
        with pytest.raises(ValueError, match="`slices` must be passed to `fit`"):
            est.result_.by_slice()
        est.fit(X, X[:, 0].astype(float), slices=pd.Series(site, name="where"))
        assert set(est.result_.samples()["where"]) == set(site)
        assert est.result_.slice("where=west").deltas.shape == (3,)

    def test_results_of_before_say_so(self):
        old = SufficiencyResult.load(SAVED)
        for ask in (old.samples, lambda: old.without([1])):
            with pytest.raises(ValueError, match="releases before this one did not save"):
                ask()


class TestWithout:
    def test_every_question_is_answered_again(self, result, frame):
        first = frame.index[frame["share"].notna()][:10]
        rest = result.without(first)
        assert (rest.deltas < result.deltas).all()
        assert rest.n_candidates < result.n_candidates
        assert rest.settings["candidates"] == "10 candidates left out"
        assert rest.predict_sufficient_size(1e-4) < result.predict_sufficient_size(1e-4)
        assert "result_.samples" not in str(rest.verdict(1e-4))
        assert not set(first) & set(rest.samples().index[rest.samples()["share"].notna()])
        losses = rest.table("unseen_loss"), result.table("unseen_loss")
        assert (losses[0] <= losses[1]).all()

    def test_of_a_slice(self, result, frame):
        first = frame.index[frame["share"].notna() & (frame["site"] == "west")][:5]
        before, after = result.by_slice()["delta"], result.without(first).by_slice()["delta"]
        assert (after["site=west"] < before["site=west"]).all()
        assert after["site=east"].equals(before["site=east"])

    def test_growth_is_unknown(self, result, frame):
        of_repeats = [cell.unseen.candidates for cell in result.cells[:: len(result.sizes)]]
        rest = result.without([candidates[0] for candidates in of_repeats])
        with pytest.raises(ValueError, match=r"`growth` .*gap and spread"):
            rest.predict_sufficient_size(1e-3, growth=0.1)
        # repeats that lose no candidate know it
        rest = result.without(of_repeats[0][:1])
        assert rest.predict_sufficient_size(1e-3, growth=0.1) > 0

    def test_in_steps_and_without_none(self, result, frame):
        a, b = np.split(frame.index[frame["share"].notna()].to_numpy()[:5], [2])
        steps, at_once = result.without(a).without([*b, b[0]]), result.without([*a, *b])
        np.testing.assert_allclose(steps.deltas, at_once.deltas, rtol=1e-12)
        assert steps.settings["candidates"] == "2 candidates left out, 3 candidates left out"
        np.testing.assert_array_equal(result.without([]).deltas, result.deltas)

    @pytest.mark.parametrize(
        ("samples", "message"),
        [
            ([10**6], "must have been candidates, got .1000000."),
            ([0.5], "must be integers, got float64"),
            (np.ones(3, dtype=bool), "must be integers, got bool; `np.flatnonzero` makes rows"),
        ],
    )
    def test_bad_input(self, samples, message, result):
        with pytest.raises(InvalidParameterError, match=message):
            result.without(samples)

    def test_not_all(self, result, frame):
        with pytest.raises(InvalidParameterError, match="must leave some candidates"):
            result.without(frame.index[frame["share"].notna()])

    def test_not_of_one_net(self, result):
        once = dataclasses.replace(result, settings=result.settings | {"train": "once"})
        with pytest.raises(ValueError, match="variance over all candidates"):
            once.without([1])


class TestSlices:
    def test_by_slice_is_what_the_slices_say(self, result):
        table = result.by_slice()
        assert list(table.index.unique("slice")) == [
            "site=east", "site=north", "site=west", "class=green", "class=red", "class=setosa",
        ]  # fmt: skip
        west = result.slice("site=west")
        assert table.loc["site=west", "delta"].tolist() == west.deltas.tolist()
        assert table.loc["site=west", "delta_stderr"].tolist() == west.delta_stderr.tolist()
        expected = west.table("unseen_loss").std(axis=0, ddof=1) / np.sqrt(3)
        np.testing.assert_allclose(table.loc["site=west", "loss_stderr"], expected, rtol=1e-12)

    def test_a_slice_answers_for_itself_and_says_so(self, result):
        west = result.slice("site=west")
        verdict = west.verdict(1e-4)
        share = str(round(100 * np.mean(result.slices.column("site") == "west")))
        assert f"the slice site=west, {share} % of the samples, alone" in str(verdict)
        assert verdict.n_available == result.n_samples
        assert verdict.neediest is None
        assert west.n_candidates < result.n_candidates
        assert west.to_frame().shape == result.to_frame().shape
        with pytest.raises(ValueError, match="results of a slice do not hold"):
            west.samples()

    def test_too_few_candidates_have_no_answer_but_a_reason(self, result):
        with pytest.raises(InvalidParameterError, match=r"at least 20 candidates.*'site=north'"):
            result.slice("site=north")
        assert "site=north" in result.by_slice().index

    def test_unknown_names_have_the_nearest(self, result):
        with pytest.raises(InvalidParameterError, match="did you mean 'site=west'"):
            result.slice("site=wst")

    def test_saved_and_loaded(self, result, tmp_path):
        result.save(tmp_path / "whole")
        whole = SufficiencyResult.load(tmp_path / "whole")
        assert whole.samples().equals(result.samples())
        assert whole.by_slice().equals(result.by_slice())
        first = result.samples().dropna(subset="share").index[:3]
        np.testing.assert_array_equal(whole.without(first).deltas, result.without(first).deltas)
        west = result.slice("site=west")
        west.save(tmp_path / "west")
        assert str(SufficiencyResult.load(tmp_path / "west").verdict(1e-4)) == str(
            west.verdict(1e-4)
        )

    def test_the_store_keeps_them_and_other_slices_train_nothing(self, data, tmp_path, result):
        X, y, site = data
        est = LandscapeSufficiencyEstimator(refit=False, store=tmp_path, **QUICK)
        fits = [est.fit(X, y, slices={"site": site}).result_ for _ in range(2)]
        for found in fits:
            assert found.samples().equals(result.samples())
            assert found.by_slice().equals(result.by_slice())
        n_centers = len(list((tmp_path / "centers").iterdir()))
        est.fit(X, y, slices={"side": site == "west"})
        assert len(list((tmp_path / "centers").iterdir())) == n_centers
        assert "side=True" in est.result_.by_slice().index

    def test_workers_give_the_same(self, data, result):
        X, y, site = data
        est = LandscapeSufficiencyEstimator(refit=False, n_jobs=2, **QUICK)
        found = est.fit(X, y, slices={"site": site}).result_
        assert found.samples().equals(result.samples())
        assert found.by_slice().equals(result.by_slice())

    def test_an_answer_that_is_not_enough_for_the_neediest_is_not_sure(self):
        """Slice b has hundred times the Δ of the whole: what is enough for all is not for it."""
        sizes = np.array([20, 40, 80, 160])
        rng = np.random.default_rng(0)
        table = 4.0 / (sizes + 1.0) ** 2 * np.exp(0.02 * rng.normal(size=(4, 4)))
        result = make_result(table, sizes, n_samples=200, family="theory")
        whole, worse = result.measurements, make_result(100 * table, sizes).measurements
        ladder = dataclasses.replace(whole, slices={"group=a": whole, "group=b": worse})
        vars(result)["measurements"] = ladder
        verdict = result.verdict(4.0 / 100**2)
        assert verdict.neediest.name == "group=b"
        assert verdict.neediest.estimate.size == pytest.approx(1000, rel=0.05)
        assert (verdict.decision, verdict.sure) == ("enough", False)
        assert "of 2 slices group=b needs most samples, " in str(verdict)
        assert result.verdict(4.0 / 10**2).sure
        vars(result)["measurements"] = whole
        assert result.verdict(4.0 / 100**2).neediest is None
        assert result.verdict(4.0 / 100**2).sure


@pytest.mark.parametrize("given", [{"X_unseen": True}, {}], ids=["own", "reserved"])
def test_slices_are_those_of_the_candidates(given, data):
    X, y, site = data
    own = {"X_unseen": X[::3], "y_unseen": y[::3]} if given else {}
    est = LandscapeSufficiencyEstimator(refit=False, **QUICK)
    right, of = (site[::3], "X_unseen") if given else (site, "X")
    with pytest.raises(InvalidParameterError, match=f"rows of {of},"):
        est.fit(X, y, slices=right[1:], **own)
    est.fit(X, y, slices=right, **own)
    assert (est.result_.samples()["slice"] == right[est.result_.samples().index]).all()


def test_the_heavy_tail_s_caveat_names_the_way():
    result = make_result(top1pct_share=0.9)
    assert "result_.samples()" in "".join(map(str, result.verdict(1e-3).caveats))
