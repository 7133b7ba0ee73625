"""What is drawn of samples and slices is what the result says."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest

from sufficiency import SamplesDisplay, SlicesDisplay
from tests.helpers import make_result, with_parts

J = 40


@pytest.fixture
def result(rng):
    """Two repeats, three sizes, forty candidates of two classes and fifteen sites."""
    names = ["class=no", "class=yes", *(f"site={i}" for i in range(15))]
    scores = rng.random((2, 3))
    return with_parts(
        make_result(unseen_score=scores), dict(zip(names, rng.random(17), strict=True))
    )


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


class TestSamples:
    def test_the_lorenz_curve(self, result):
        display = result.plot_samples()
        shares = sorted(result.samples()["share"].dropna())
        x, y = display.lorenz_.get_data()
        # by definition: what the smallest i of J carry
        expected = [sum(shares[:i]) / sum(shares) for i in range(J + 1)]
        np.testing.assert_allclose(y, expected, atol=1e-12)
        np.testing.assert_allclose(x, np.arange(J + 1) / J)
        # the largest 1 % of forty is one
        assert display.marked_.get_xdata() == pytest.approx([1 - 1 / J])
        assert display.marked_.get_ydata() == pytest.approx([sum(shares[:-1])])
        percent = f"{100 * shares[-1]:.0f} %"
        assert display.marked_.get_label() == f"the largest 1 % carry {percent}"

    def test_the_largest_losses_with_their_labels(self, result):
        display = SamplesDisplay.from_result(result, top=5)
        frame = result.samples(5)
        assert [bar.get_width() for bar in display.bars_] == frame["loss"].tolist()
        texts = [text.get_text() for text in display.axes_[1].get_yticklabels()]
        for text, (row, sample) in zip(texts, frame.iterrows(), strict=True):
            told = f" (predicted {sample['predicted']})"
            wrong = sample["label"] != sample["predicted"]
            assert text == f"{row}: {sample['label']}" + told * wrong
        # the largest on top
        assert display.axes_[1].yaxis_inverted()

    def test_labels_of_users_stay_labels(self):
        factors = {"class=$x_{": 1.0, f"class={'y' * 99}": 1.0}
        display = with_parts(make_result(), factors).plot_samples()
        display.figure_.canvas.draw()
        texts = [text.get_text() for text in display.axes_[1].get_yticklabels()]
        assert all(len(text) < 70 and ("$x_{" in text or "yyy…" in text) for text in texts)

    def test_images_where_there_are_some(self, result, rng):
        rows = result.samples(12).index
        images = {int(row): rng.integers(0, 256, (8, 8), dtype=np.uint8) for row in rows}
        display = dataclasses.replace(result, images=images).plot_samples(12)
        assert display.bars_ is None
        insets = display.axes_[1].child_axes
        assert len(insets) == 12
        for inset, row in zip(insets, rows, strict=True):
            np.testing.assert_array_equal(inset.images[0].get_array(), images[int(row)])
            assert inset.get_title().startswith(f"{row}: ")

    def test_samples_without_an_image_keep_their_place(self, result):
        rows = result.samples(3).index
        images = {int(rows[1]): np.zeros((8, 8), dtype=np.uint8)}
        display = dataclasses.replace(result, images=images).plot_samples(3)
        insets = display.axes_[1].child_axes
        assert [len(inset.images) for inset in insets] == [0, 1, 0]
        assert [inset.get_title().split(":")[0] for inset in insets] == [str(row) for row in rows]

    def test_where_only_the_largest_are_known(self, result):
        """The rest is a straight line, and what is marked is what is known."""
        cells = []
        for cell in result.cells:
            unseen = dataclasses.replace(cell.unseen, n_candidates=100 * J)
            mean = unseen.increments.mean(dtype=np.float64)
            cells.append(dataclasses.replace(cell, unseen=unseen, delta=mean / 50))
        part = dataclasses.replace(
            result, cells=tuple(cells), own_unseen=True, disjoint_candidates=False
        )
        display = part.plot_samples()
        # forty of four thousand carry half of Δ
        x, y = display.lorenz_.get_data()
        assert (x[0], y[0]) == (0, 0)
        assert (x[1], y[1]) == pytest.approx((0.99, 0.5), abs=1e-6)
        assert (x[-1], y[-1]) == (1, 1)
        assert display.marked_.get_label() == "the largest 1 % carry 50 %"

    def test_on_given_axes(self, result):
        _, axes = plt.subplots(1, 2)
        assert result.plot_samples(axes=axes).axes_ == tuple(axes)
        with pytest.raises(ValueError, match="`axes` must be a pair, got 1"):
            result.plot_samples(axes=[axes[0]])
        with pytest.raises(ValueError, match="`top` must be >= 1"):
            result.plot_samples(0)

    def test_not_of_results_without_samples(self):
        with pytest.raises(ValueError, match="losses of single samples"):
            make_result().plot_samples()


class TestSlices:
    @pytest.mark.parametrize("column", ["delta", "unseen_loss", "unseen_score"])
    def test_every_panel_shows_its_slice_worst_first(self, result, column):
        display = SlicesDisplay.from_result(result, column=column)
        table = result.by_slice()
        last = table[column].xs(40, level="size")
        expected = last.sort_values(ascending=column == "unseen_score").index[:12]
        assert list(display.slices_) == list(expected)
        assert len(display.axes_) == 12
        for name, ax in zip(expected, display.axes_, strict=True):
            whole, mean = ax.lines[0], display.slices_[name].lines[0]
            assert mean.get_ydata().tolist() == table.loc[name, column].tolist()
            np.testing.assert_allclose(whole.get_ydata(), result.table(column).mean(axis=0))
            assert ax.get_title() == f"{name}\n30 candidates"
        assert "5 better slices are not shown" in display.figure_.get_suptitle()

    def test_in_a_given_figure(self, result):
        figure = plt.figure()
        display = result.plot_slices()
        assert display.plot(figure, n_columns=2) is display
        assert display.figure_ is figure
        columns = {ax.get_subplotspec().colspan.start for ax in display.axes_}
        assert columns == {0, 1}

    def test_names_of_users_stay_names(self):
        # no mathematics, which would have to be complete, and no more room than there is
        names = {"site=$x_{": 2.0, f"site={'long ' * 20}": 1.0}
        display = with_parts(make_result(), names).plot_slices()
        display.figure_.canvas.draw()
        first, second = (ax.get_title().splitlines()[0] for ax in display.axes_)
        assert first == "site=$x_{"
        assert second.startswith("site=long")
        assert "…" in second

    def test_long_names_are_shortened_and_sizes_are_ticks(self):
        name = "site=" + "a" * 20 + "b" * 20
        sizes, table = np.array([10, 20, 40, 2000]), np.ones((2, 4))
        display = SlicesDisplay(
            sizes=sizes, whole=table[0], slices={name: table}, n_candidates={name: 30}
        ).plot()
        [ax] = display.axes_
        assert ax.get_title() == f"site={'a' * 9}…{'b' * 13}\n30 candidates"
        low, high = ax.get_xlim()
        ticks = [t.get_text() for t in ax.get_xticklabels() if low <= t.get_position()[0] <= high]
        assert ticks == ["10", "30", "100", "300", "1,000"]

    def test_bad_input(self, result):
        with pytest.raises(ValueError, match="`column` must be one of 'delta'"):
            result.plot_slices("loss")
        with pytest.raises(ValueError, match="`slices` must be passed"):
            make_result().plot_slices()
