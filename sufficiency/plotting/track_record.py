"""What the rounds of a campaign forecast, and what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sufficiency._types import Floats
from sufficiency.plotting.axes import (
    add_legend,
    colors_on,
    label_powers,
    label_sizes,
    new_axes,
    shades_on,
    text_that_fits,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from sufficiency.campaign import Campaign

_LABELS = {"loss": "loss on unseen samples", "score": "score on unseen samples", "delta": "Δ"}
# Forecasts of one later round stand beside each other, this share of the axis apart.
_APART = 0.02
_MARKS = "s^Dv<>"


@dataclass(kw_only=True, eq=False, repr=False)
class TrackRecordDisplay:
    """
    Forecasts of earlier rounds at the sizes of later ones, and what was measured there.

    Parameters
    ----------
    record : DataFrame
        Of :meth:`Campaign.track_record`.
    measured : dict of {str: (2, n) float64}
        For each quantity, largest sizes of all rounds and mean values there.
    confidence : float
        Of the forecast intervals.
    order : {1, 2}
        Of Δ, whose unit follows from it.

    Attributes
    ----------
    axes_, figure_ : list of matplotlib Axes, and Figure
        One for each quantity, after :meth:`plot`.
    measured_ : dict of {str: matplotlib Line2D}
        What came.
    forecasts_ : dict of {str: list of matplotlib ErrorbarContainer}
        Medians and intervals, a container for each round that has forecasts.

    See Also
    --------
    Campaign.plot_track_record : The same from a campaign.
    """

    record: pd.DataFrame
    measured: Mapping[str, Floats]
    confidence: float = 0.9
    order: int = 2

    @classmethod
    def from_campaign(
        cls,
        campaign: Campaign,
        *,
        confidence: float = 0.9,
        axes: Sequence[Axes] | None = None,
    ) -> TrackRecordDisplay:
        """
        Draw a campaign.

        Parameters
        ----------
        campaign : Campaign
            With rounds of which one has a forecast for a later one.
        confidence : float, default=0.9
            Of the forecast intervals.
        axes : sequence of matplotlib Axes, optional
            One for each quantity; None: a new figure.

        Returns
        -------
        TrackRecordDisplay

        Raises
        ------
        ValueError
            If there is nothing to compare yet.
        """
        record = campaign.track_record(confidence)
        if record.empty:
            raise ValueError(
                "a track record needs two rounds, the later one with a larger size and the earlier "
                f"one with a forecast, got {len(campaign.results)} rounds without; add another one"
            )
        ladders = [result.measurements for result in campaign.results]
        measured = {
            name: np.array([(ladder.largest, ladder.at_largest(name)) for ladder in ladders]).T
            for name in _LABELS
            if (record["quantity"] == name).any()
        }
        order = campaign.results[0].order
        display = cls(record=record, measured=measured, confidence=confidence, order=order)
        return display.plot(axes)

    def plot(self, axes: Sequence[Axes] | None = None) -> TrackRecordDisplay:
        """
        Draw.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, optional
            One for each quantity; None: a new figure.

        Returns
        -------
        self
        """
        n = len(self.measured)
        self.axes_ = list(new_axes(n, figsize=(1.0 + 3.6 * n, 3.8)) if axes is None else axes)
        if len(self.axes_) != n:
            raise ValueError(
                f"`axes` must be one for each of {n} quantities, got {len(self.axes_)}"
            )
        self.figure_ = cast("Figure", self.axes_[0].figure)
        self.measured_: dict[str, Line2D] = {}
        self.forecasts_: dict[str, list[ErrorbarContainer]] = {}
        for ax, name in zip(self.axes_, self.measured, strict=True):
            with text_that_fits(ax):
                self._draw(ax, name)
        first = self.axes_[0]
        with text_that_fits(first):
            # the same in all panels
            add_legend(first, *first.get_legend_handles_labels(), shared_by=self.axes_)
        return self

    def _draw(self, ax: Axes, name: str) -> None:
        sizes, values = self.measured[name]
        ink = colors_on(ax)["ink"]
        (self.measured_[name],) = ax.plot(
            sizes, values, "o-", color=ink, linewidth=0.8, label="measured"
        )
        rows = self.record[self.record["quantity"] == name]
        rounds = rows["round"].unique().tolist()
        step = (sizes.max() / sizes.min()) ** _APART
        self.forecasts_[name] = []
        shades = shades_on(ax, len(sizes))
        for i, (number, found) in enumerate(rows.groupby("round"), start=1):
            middle = found["median"].to_numpy()
            ends = [middle - found["low"].to_numpy(), found["high"].to_numpy() - middle]
            style: dict[str, Any] = {"markersize": 4, "capsize": 3}
            style |= {"fmt": _MARKS[(number - 1) % len(_MARKS)], "color": shades[number - 1]}
            label = f"forecast of round {number}, {100 * self.confidence:g} %"
            places = found["size"].to_numpy() * step ** (i - len(rounds) - 1)
            drawn = ax.errorbar(places, middle, yerr=ends, label=label, **style)
            self.forecasts_[name].append(drawn)
        scale = "log" if name == "delta" else "linear"
        unit = f" ({'loss²' if self.order == 2 else 'loss'})" if name == "delta" else ""
        label = _LABELS[name] + unit
        ax.set(xscale="log", yscale=scale, xlabel="training size k (samples)", ylabel=label)
        label_sizes(ax)
        if scale == "log":
            label_powers(ax.yaxis)
