"""What a fit found: every cell, the curve, the answers, figures and files; needs no net."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from sufficiency._representations import short_repr
from sufficiency._tables import mean_of_finished
from sufficiency._types import Floats, Integers
from sufficiency._validation import check_choice, check_integer, check_thresholds
from sufficiency.cells.cell import CELL_COLUMNS, Cell
from sufficiency.cells.samples import sample_frame
from sufficiency.cells.slices import cells_of_slice, slice_candidates
from sufficiency.cells.without import cells_without
from sufficiency.curves import FittedCurve
from sufficiency.data.slices import Slices
from sufficiency.exceptions import (
    InvalidParameterError,
    NotIdentifiableError,
    UnreachableTargetError,
)
from sufficiency.plotting import (
    CollectionPlanDisplay,
    DeltaCurveDisplay,
    LearningCurveDisplay,
    SamplesDisplay,
    SlicesDisplay,
)
from sufficiency.report.notebook import result_card
from sufficiency.report.page import write_report
from sufficiency.sizing import Ladder, SizeEstimate, Verdict, decay_fits
from sufficiency.sizing.caveats import beyond_measured, warn_of_caveats
from sufficiency.sizing.collection import CollectionPlan, plan_collection
from sufficiency.sizing.ladder import TABLES
from sufficiency.sizing.questions import (
    DeltaQuestion,
    Question,
    TargetQuestion,
    percent,
    questions_from,
    suggest_thresholds,
)
from sufficiency.sizing.replicates import t_quantile
from sufficiency.sizing.slices import FEWEST_CANDIDATES
from sufficiency.sizing.verdict import judge
from sufficiency.store.saved_results import read_cells, write_cells

# Columns of `by_slice` beside Δ, and the names of their standard errors.
_BY_SLICE = {"unseen_loss": "loss", "unseen_score": "score"}

# Scalars that results of earlier releases lack.
_LATER = {"of_slice": "", "n_copies": 0, "target_column": ""}

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from sufficiency.explore.page import ExplorePage


@dataclass(frozen=True, eq=False)
class SufficiencyResult:
    """
    The outcome of :meth:`LandscapeSufficiencyEstimator.fit`, complete without the net.

    Attributes
    ----------
    cells : tuple of Cell
        One for every (repeat, size), by repeat, then size; failed ones carry their reason.
    order : {1, 2}
        Δ is a mean square (2, in loss²) or a mean absolute value (1, in loss).
    family : str
        The `curve` that was asked for.
    n_samples : int
        Samples passed to ``fit``.
    n_candidates : int
        Unseen candidates of a repeat (the smallest number, if repeats differ).
    disjoint_candidates : bool
        Whether no two repeats share a candidate.
    own_unseen : bool
        Whether the candidates were the user's own, the same for all repeats.
    constant_loss : float
        Mean loss of the best constant prediction; NaN if there is none.
    settings : dict
        The estimator's settings in words, for the record.
    slices : Slices or None
        Which slices each sample belongs to; None without any, and in results of earlier releases.
    of_slice : str
        The slice that the result is about, as in "site=3"; empty: all samples.
    images : dict of {int: uint8 array}
        The twelve samples with the largest losses, (h, w) or (h, w, 3), where inputs are images.
    n_copies : int
        Candidates of a repeat with the inputs and the target of a sample that it trains on.
    target_column : str
        Column of the inputs that is the target itself; empty: none.
    """

    cells: tuple[Cell, ...]
    order: int
    family: str
    n_samples: int
    n_candidates: int
    disjoint_candidates: bool
    own_unseen: bool
    constant_loss: float
    settings: dict[str, str]
    slices: Slices | None = None
    of_slice: str = ""
    images: dict[int, npt.NDArray[np.uint8]] = field(default_factory=dict)
    n_copies: int = 0
    target_column: str = ""

    def __repr__(self) -> str:
        of_slice = ("of_slice",) if self.of_slice else ()
        return short_repr(self, "n_samples", "n_repeats", "sizes", *of_slice, "order", "family")

    def _repr_html_(self) -> str:
        return result_card(self)

    @cached_property
    def sizes(self) -> Integers:
        """(m,) sizes, increasing, in samples."""
        return np.unique([cell.size for cell in self.cells])

    @property
    def n_repeats(self) -> int:
        """R."""
        return len(self.cells) // len(self.sizes)

    def table(self, column: str) -> Floats:
        """
        One column of the cells.

        Parameters
        ----------
        column : str
            A name of :meth:`to_frame`.

        Returns
        -------
        (R, m) float64
            Repeats by sizes; NaN where a cell failed.
        """
        values = np.array([getattr(cell, column) for cell in self.cells], dtype=np.float64)
        return values.reshape(-1, len(self.sizes))

    @cached_property
    def deltas(self) -> Floats:
        """(m,) mean Δ over the repeats that finished; NaN where none did."""
        return mean_of_finished(self.table("delta"))

    @cached_property
    def delta_stderr(self) -> Floats:
        """
        (m,) standard error of :attr:`deltas`.

        From the variation over repeats; with a single repeat, that of the cell. If repeats share
        candidates, it is enlarged as in Nadeau and Bengio; if they share all of them (the user's
        own), the error of the cells over candidates is added.
        """
        table = self.table("delta")
        counts = np.isfinite(table).sum(axis=0)
        within = mean_of_finished(self.table("stderr"))
        spread = np.full(len(counts), np.nan)
        for i in np.flatnonzero(counts > 1):
            spread[i] = np.nanstd(table[:, i], ddof=1) / np.sqrt(counts[i])
        if self.own_unseen:
            spread = np.hypot(spread, within)
        else:
            spread = spread * self.measurements.overlap_factor
        return np.where(counts > 1, spread, within)

    @cached_property
    def in_sample_deltas(self) -> Floats | None:
        """(m,) mean Δ from the training samples themselves; None unless ``train="once"``."""
        if self.settings.get("train") != "once":
            return None
        return mean_of_finished(self.table("delta_in_sample"))

    @cached_property
    def measurements(self) -> Ladder:
        """All numbers as tables, for :mod:`sufficiency.sizing`."""
        tables = {name: self.table(name) for name in TABLES if name in CELL_COLUMNS}
        if self.settings.get("center") == "best":
            # a validation-optimal center is not meant to be a minimum of the training loss
            tables["loss_drift"] = np.zeros_like(tables["loss_drift"])
        one_net = self.settings.get("train") == "once"
        if one_net:
            # the one net of a repeat was trained on the largest size
            for name in ("train_loss", "unseen_loss", "unseen_score"):
                tables[name][:, :-1] = np.nan
        judged = {
            name: slice_candidates(self.cells, name) >= FEWEST_CANDIDATES
            for name in self._slice_names()
        }
        # a repeat without any finished cell is none
        finished = np.isfinite(tables["delta"]).any(axis=1)
        if finished.any():
            tables = {name: table[finished] for name, table in tables.items()}
        return Ladder(
            sizes=self.sizes,
            constant_loss=self.constant_loss,
            order=self.order,
            n_available=self.n_samples,
            n_candidates=self.n_candidates,
            n_pool=self.n_candidates if self.own_unseen else len(self._members),
            disjoint_candidates=self.disjoint_candidates,
            failures=tuple(
                f"repeat {cell.repeat}, size {cell.size}: {cell.failure}"
                for cell in self.cells
                if cell.failure
            ),
            point_probe=self.settings.get("probe", "").startswith("PointMass"),
            one_net=one_net,
            of_slice=self._slice_in_words(),
            # counted among all candidates, not among those of a slice
            n_copies=0 if self.of_slice else self.n_copies,
            target_column=self.target_column,
            slices={name: self._of_slice(name).measurements for name in judged if judged[name]},
            too_small=tuple(name for name in judged if not judged[name]),
            **tables,
        )

    def _slice_names(self) -> list[str]:
        return [] if self.slices is None or self.of_slice else self.slices.names()

    @property
    def _members(self) -> Integers:
        """The samples that the result is about, among those that candidates are taken of."""
        if self.slices is None or not self.of_slice:
            return np.arange(self.n_samples)
        return self.slices.members()[self.of_slice]

    def _slice_in_words(self) -> str:
        if self.slices is None or not self.of_slice:
            return ""
        share = len(self._members) / len(self.slices.codes)
        return f"the slice {self.of_slice}, {percent(share)} of the samples,"

    def _of_slice(self, name: str) -> "SufficiencyResult":
        """The result of one slice, however few candidates it has."""
        cells = cells_of_slice(self.cells, name)
        n_candidates = slice_candidates(self.cells, name)
        part = replace(self, cells=cells, n_candidates=n_candidates, of_slice=name)
        with np.errstate(divide="ignore", invalid="ignore"):
            losses = part.table("unseen_loss") / self.table("unseen_loss")
        known = losses[np.isfinite(losses)]
        # so that a center has learned for a slice where it has for all
        scale = float(known.mean()) if known.size else 1.0
        return replace(part, constant_loss=self.constant_loss * scale)

    def samples(self, top: int | None = None) -> "pd.DataFrame":
        """
        Single samples, those first that the nets predict worst without having seen them.

        A wrong label, a rare case and an outlier all stand on top.

        Parameters
        ----------
        top : int, optional
            So many rows. None: all.

        Returns
        -------
        pandas.DataFrame
            One row for every sample that some center has not seen, by its row in X (in X_unseen,
            for own candidates), largest loss first. Columns: ``rank``; ``share`` of Δ, the mean
            over repeats (NaN for samples that were never candidates), and ``share_stderr`` over the
            repeats that had it as a candidate, if there are several; ``loss`` at the centers that
            had not seen it, a mean with the squares of the centers' sizes as weights (the inverse
            of Δ by the 1/k² law); ``n_cells``, how many these are; for classifiers ``label`` and
            ``predicted``, by the largest of them; a column for every partition of `slices`. With
            more than 100,000 candidates, the thousand that stood out in some cell.

        Raises
        ------
        ValueError
            If the result was saved by a release that kept no samples.
        """
        frame = sample_frame(self._with_samples("samples"), self.slices)
        return frame if top is None else frame.head(check_integer("top", top, 1))

    def without(self, samples: npt.ArrayLike) -> "SufficiencyResult":
        """
        The same result, had these samples been no candidates; nothing is trained or measured.

        Δ and the loss change exactly; the centers stay those that were trained, some of them on
        these samples. `gap_sq`, `spread` and the score are unknown then, and with them answers
        about `growth` and scores. With more than 100,000 candidates, every cell leaves out those of
        them that it kept.

        Parameters
        ----------
        samples : array-like of int
            Rows of X (of X_unseen, for own candidates), as in the index of :meth:`samples`.

        Returns
        -------
        SufficiencyResult

        Raises
        ------
        ValueError
            If one of them was never a candidate, all of them are left out, or a single net serves
            all sizes (``train="once"``), whose Δ is a variance over all candidates.
        """
        cells = self._with_samples("without")
        if self.settings.get("train") == "once":
            raise ValueError(
                "`without` must go with train='each_size', got 'once', whose Δ is a variance over "
                "all candidates; fit with a net for each size"
            )
        rows = np.unique(np.asarray(samples))
        kept = cells_without(cells, rows, self.order, self.slices)
        counts = [cell.unseen.n_candidates for cell in kept if cell.unseen]
        earlier = [self.settings["candidates"]] if "candidates" in self.settings else []
        left_out = ", ".join([*earlier, f"{rows.size} candidate{'s' * (rows.size != 1)} left out"])
        return replace(
            self,
            cells=kept,
            n_candidates=min(counts),
            settings=self.settings | {"candidates": left_out},
        )

    def by_slice(self) -> "pd.DataFrame":
        """
        What was measured for the candidates of every slice.

        Returns
        -------
        pandas.DataFrame
            One row for each slice and size, with the smallest number of candidates of a repeat and
            means over repeats with standard errors: Δ, with that of :attr:`delta_stderr`, unseen
            loss and score, with that over repeats.

        Raises
        ------
        ValueError
            If there are no slices.
        """
        import pandas as pd

        self._check_slices()
        rows = []
        for name in self._slice_names():
            part = self._of_slice(name)
            columns = {"n_candidates": np.full(len(self.sizes), part.n_candidates)}
            columns |= {"delta": part.deltas, "delta_stderr": part.delta_stderr}
            for column, short in _BY_SLICE.items():
                table = part.table(column)
                counts = np.isfinite(table).sum(axis=0)
                mean = mean_of_finished(table)
                with np.errstate(divide="ignore", invalid="ignore"):
                    variance = np.nansum((table - mean) ** 2, axis=0) / (counts - 1) / counts
                columns |= {column: mean, f"{short}_stderr": np.sqrt(variance)}
            index = pd.MultiIndex.from_product([[name], self.sizes], names=["slice", "size"])
            rows.append(pd.DataFrame(columns, index))
        return pd.concat(rows)

    def slice(self, name: str) -> "SufficiencyResult":
        """
        The result of one slice, which answers every question for its samples alone.

        Its sizes count the samples of all slices, in the proportions in which they were measured.

        Parameters
        ----------
        name : str
            As in "site=3"; for classifiers there is one for each class, as in "class=7".

        Returns
        -------
        SufficiencyResult

        Raises
        ------
        ValueError
            If there is no such slice, or it has fewer than 20 candidates in a repeat.
        """
        self._check_slices()
        check_choice("name", name, self._slice_names())
        count = slice_candidates(self.cells, name)
        if count < FEWEST_CANDIDATES:
            raise InvalidParameterError(
                "name",
                f"must be a slice with at least {FEWEST_CANDIDATES} candidates in every repeat, "
                f"got {name!r} with {count}; raise `n_candidates`, or join slices",
            )
        return self._of_slice(name)

    def _check_slices(self) -> None:
        if not any(cell.slices for cell in self.cells):
            raise ValueError(
                "`slices` must be passed to `fit` for a regressor, got none; results that were "
                "saved by earlier releases have none either, nor have those of a slice"
            )

    def _with_samples(self, method: str) -> Sequence[Cell]:
        """The finished cells, all of which know their samples."""
        if not any(cell.unseen for cell in self.cells):
            raise ValueError(
                f"`{method}` needs the losses of single samples, which releases before this one "
                "did not save, and results of a slice do not hold; fit again (with the same "
                "`store` nothing is trained), or ask the whole result"
            )
        return [cell for cell in self.cells if cell.unseen or cell.failure]

    @cached_property
    def curve(self) -> FittedCurve:
        """The decay that was fitted."""
        return decay_fits.fit_delta(self.measurements, self.family)

    def to_frame(self) -> "pd.DataFrame":
        """
        All cells as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each (repeat, size); NaN where a cell failed.
        """
        import pandas as pd

        rows = [{name: getattr(cell, name) for name in CELL_COLUMNS} for cell in self.cells]
        return pd.DataFrame(rows, columns=list(CELL_COLUMNS))

    def _estimate(self, question: Question, confidence: float = 0.95) -> SizeEstimate:
        return question.estimate(self.measurements, self.family, confidence)

    def predict_sufficient_size(
        self,
        threshold: npt.ArrayLike,
        *,
        relative: bool = False,
        growth: float | None = None,
        prior: str | None = "bank",
    ) -> int | Integers:
        """
        Smallest size from which on the fitted change of the loss stays at or below a threshold.

        Parameters
        ----------
        threshold : float or array-like
            Largest acceptable Δ > 0, in loss² (order 2) or loss (order 1); with `relative` the
            RMS change as a share of the unseen loss.
        relative : bool, default=False
            How to read `threshold`: √Δ ≤ threshold · L, with L the mean unseen loss at the
            centers of the largest size.
        growth : int or float, optional
            Δ when this many samples are added at once (int), or when the data grow by this fraction
            (float). None: one sample.
        prior : {"bank", None}, default="bank"
            What answers beyond the measured sizes rest on: how the curves of many real data sets
            went on, as far as they resemble this one; None: this curve alone. For Δ there is no
            prior with `growth`, nor where the estimator's `curve` is not "auto".

        Returns
        -------
        int or ndarray of int64
            Samples to train on, in the shape of `threshold`. Never below the smallest measured
            size, which is the answer if it meets the threshold.

        Warns
        -----
        ExtrapolationWarning
            If an answer lies beyond the largest measured size.

        Raises
        ------
        ValueError
            If a threshold is not > 0, `growth` is not > 0 or has no formula (order 1, a single
            candidate), or `relative` meets a loss that is not positive.
        NotIdentifiableError
            If the curve does not fall, or never reaches a threshold.
        """
        values, found = check_thresholds(threshold), []
        for value in values.flat:
            estimate = self._estimate(DeltaQuestion(float(value), relative, growth, prior))
            if estimate.size is None:
                raise NotIdentifiableError(estimate.reason)
            found.append(estimate.size)
        sizes = np.array(found, dtype=np.int64)
        self._warn_beyond(int(sizes.max(initial=0)), "the sufficient size")
        return int(sizes[0]) if values.ndim == 0 else sizes.reshape(values.shape)

    def sufficient_size_interval(
        self,
        threshold: float,
        *,
        confidence: float = 0.95,
        relative: bool = False,
        growth: float | None = None,
        prior: str | None = "bank",
    ) -> tuple[int, float]:
        """
        Interval of the sufficient size.

        From the jackknife over whole repeats, with Student's t and R − 1 degrees of freedom; the
        hull over all families that the data cannot tell apart. Beyond the measured sizes these are
        the quantiles of a forecast that rests on how the curves of other data sets went on. With
        ``prior=None`` the interval spans the bracket instead: the power law continued, and C frozen
        at its last value, fitted and measured.

        Parameters
        ----------
        threshold, relative, growth, prior
            As in :meth:`predict_sufficient_size`.
        confidence : float, default=0.95
            In (0, 1).

        Returns
        -------
        (int, int or inf)
            Low and high, in samples.

        Raises
        ------
        ValueError
            For fewer than two repeats, and as in :meth:`predict_sufficient_size`.

        References
        ----------
        Nadeau, Bengio: Inference for the generalization error. Machine Learning 52 (2003), for
        candidates that repeats share.
        """
        t_quantile(confidence, self.measurements.n_repeats)
        estimate = self._estimate(DeltaQuestion(threshold, relative, growth, prior), confidence)
        self._warn_beyond(estimate.size, "the sufficient size")
        # with two repeats or more there is one
        return cast("tuple[int, float]", estimate.interval)

    def verdict(
        self,
        threshold: float,
        *,
        relative: bool = False,
        growth: float | None = None,
        confidence: float = 0.95,
        prior: str | None = "bank",
    ) -> Verdict:
        """
        Whether the samples are enough, how sure that is, and the caveats.

        Parameters
        ----------
        threshold, relative, growth, confidence, prior
            As in :meth:`sufficient_size_interval`.

        Returns
        -------
        Verdict
            ``verdict.decision`` is "enough", "more" or "unknown"; ``str()`` says everything in two
            to four sentences. Whatever the data say, none is refused; arguments that make no
            sense are.
        """
        question = DeltaQuestion(threshold, relative, growth, prior)
        return judge(self.measurements, question, family=self.family, confidence=confidence)

    def verdict_for_target(
        self,
        target: float,
        kind: str = "loss",
        *,
        confidence: float = 0.95,
        prior: str | None = "bank",
    ) -> Verdict:
        """
        The same for a loss or a score to reach, by the learning curve.

        Parameters
        ----------
        target, kind, confidence, prior
            As in :meth:`estimate_for_target`.

        Returns
        -------
        Verdict
            Its status is "unreachable" where no number of samples is enough.
        """
        return judge(self.measurements, TargetQuestion(target, kind, prior), confidence=confidence)

    def predict_size_for_loss(self, target: float, *, prior: str | None = "bank") -> int:
        """
        Size at which the unseen loss reaches a target, by the curve E + A·κ^(−β).

        Parameters
        ----------
        target : float
            In units of the loss.
        prior
            As in :meth:`predict_sufficient_size`.

        Returns
        -------
        int

        Raises
        ------
        UnreachableTargetError
            If the whole interval of the floor E lies above the target.
        NotIdentifiableError
            If the fitted floor does, but not its whole interval.
        ValueError
            If no loss can be that low, or fewer than three sizes have one.
        """
        return self._predict_size_for_target(target, "loss", prior)

    def predict_size_for_score(self, target: float, *, prior: str | None = "bank") -> int:
        """
        Size at which the score on unseen samples reaches a target.

        Parameters
        ----------
        target : float
            In units of the score; larger is better.
        prior
            As in :meth:`predict_sufficient_size`.

        Returns
        -------
        int

        Raises
        ------
        UnreachableTargetError, NotIdentifiableError, ValueError
            As in :meth:`predict_size_for_loss`.
        """
        return self._predict_size_for_target(target, "score", prior)

    def _predict_size_for_target(self, target: float, kind: str, prior: str | None) -> int:
        estimate = self.estimate_for_target(target, kind, prior=prior)
        if estimate.status == "unreachable":
            raise UnreachableTargetError(estimate.reason)
        if estimate.size is None:
            raise NotIdentifiableError(estimate.reason)
        self._warn_beyond(estimate.size, f"the size for the {kind} {target:g}")
        return estimate.size

    def _warn_beyond(self, size: int | None, what: str) -> None:
        warn_of_caveats(beyond_measured(size, self.measurements.largest, what))

    def estimate_for_target(
        self,
        target: float,
        kind: str = "loss",
        *,
        confidence: float = 0.95,
        prior: str | None = "bank",
    ) -> SizeEstimate:
        """
        Size, interval and status for a loss or a score; does not raise for targets out of reach.

        Parameters
        ----------
        target : float
            Loss or score.
        kind : {"loss", "score"}, default="loss"
            Which of them.
        confidence : float, default=0.95
            In (0, 1).
        prior
            As in :meth:`predict_sufficient_size`.

        Returns
        -------
        SizeEstimate
            With a status among "reached", "at_most", "extrapolated", "not_identifiable" and
            "unreachable".
        """
        return self._estimate(TargetQuestion(target, kind, prior), confidence)

    def plan(
        self,
        target: float,
        quantity: str = "score",
        *,
        rounds: int = 3,
        risk: float = 0.05,
        limit: int | None = None,
        cost_per_sample: float | None = None,
        cost_of_missing: float | None = None,
        prior: str | None = "bank",
    ) -> CollectionPlan:
        """
        How many samples to collect now, if one can measure again and collect more later.

        The plan with the lowest expected number of samples whose risk of ending short of the
        target is at most `risk`; or, with costs, the one with the lowest expected cost.

        Parameters
        ----------
        target : float
            What is to be reached: a score, a loss, or a Δ.
        quantity : {"score", "loss", "delta"}, default="score"
            Which of them.
        rounds : int, default=3
            How often one can still collect. With 1, everything is collected at once.
        risk : float, default=0.05
            Accepted probability, in (0, 1), that the last round ends short of a target for which
            `limit` samples would be enough.
        limit : int, optional
            The largest total that can be collected. None: ten times what there is.
        cost_per_sample, cost_of_missing : float, optional
            Price of a sample, and of ending short, in one unit. They take the place of `risk`.
        prior
            As in :meth:`predict_sufficient_size`.

        Returns
        -------
        CollectionPlan
            ``plan.collect`` is the number for now; ``str()`` says everything in words. If no number
            of samples keeps the risk, it goes as far as the forecast does and says so; if the
            target is out of reach, it collects nothing.

        Raises
        ------
        ValueError
            If an argument is out of its range, or only one of the costs is given.
        NotIdentifiableError
            Without a forecast (``prior=None``, or fewer than four sizes), if the curve gives no
            size; for Δ, if the trainings are no basis for a decision.

        References
        ----------
        Mahmood et al.: Optimizing Data Collection for Machine Learning. NeurIPS 2022.
        """
        return plan_collection(
            self.measurements,
            target,
            quantity=quantity,
            rounds=rounds,
            risk=risk,
            limit=limit,
            cost_per_sample=cost_per_sample,
            cost_of_missing=cost_of_missing,
            family=self.family,
            prior=prior,
        )

    def parameter_intervals(
        self, family: str = "power_law", *, confidence: float = 0.95
    ) -> dict[str, tuple[float, float]]:
        """
        Intervals of a family's constants.

        That of "alpha" tests the theory: does it contain p (2 for order 2, 1 for order 1)?

        Parameters
        ----------
        family : {"auto", "theory", "power_law", "transient"}, default="power_law"
            Which family.
        confidence : float, default=0.95
            In (0, 1), for each constant on its own.

        Returns
        -------
        dict of str to (float, float)
        """
        return decay_fits.parameter_intervals(self.measurements, family, confidence)

    def delta_interval(
        self, sizes: npt.ArrayLike, *, confidence: float = 0.95, prior: str | None = "bank"
    ) -> Floats:
        """
        Intervals of Δ at any sizes.

        Parameters
        ----------
        sizes : array-like of shape (len,)
            In samples.
        confidence : float, default=0.95
            In (0, 1), for each size on its own.
        prior
            As in :meth:`predict_sufficient_size`.

        Returns
        -------
        (2, len) float64
            Low and high: inside the measured sizes of the fitted curve; beyond them what another
            measurement would find, by the forecast, or without a prior the ends of the bracket.
        """
        ladder = self.measurements
        fits = decay_fits.fit_decay(ladder, self.family)
        bounds = decay_fits.delta_interval(ladder, fits, sizes, confidence)
        question = DeltaQuestion(1.0, prior=prior)  # the forecast of Δ is that of any threshold
        if (found := question.forecast(ladder, self.family)) is not None:
            beyond = np.atleast_1d(sizes) > ladder.largest
            tail = (1.0 - confidence) / 2.0
            for row, probability in zip(bounds, (tail, 1.0 - tail), strict=True):
                row[beyond] = found.values(np.atleast_1d(sizes)[beyond], probability)
        return bounds

    def suggest_thresholds(self) -> "pd.DataFrame":
        """
        What more data would change now; helps to choose a threshold.

        Returns
        -------
        pandas.DataFrame
            Rows "1 more sample", "10 % more" and "twice as much" (the latter two for order 2 and
            more than one candidate). Columns: ``growth`` to ask with, ``threshold`` (Δ now, with
            all samples passed to ``fit``), ``change`` (its root, in loss), ``relative_change``
            (of the unseen loss), and the sizes at which the change halves and quarters.
        """
        import pandas as pd

        rows = suggest_thresholds(self.measurements, family=self.family)
        return pd.DataFrame(rows).set_index("arriving")

    def plot_delta(
        self, threshold: float | None = None, ax: "Axes | None" = None
    ) -> DeltaCurveDisplay:
        """
        Draw Δ against the training size.

        Parameters
        ----------
        threshold : float, optional
            Its line and the sufficient size are marked.
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.

        Returns
        -------
        DeltaCurveDisplay
        """
        return DeltaCurveDisplay.from_result(self, threshold=threshold, ax=ax)

    def plot_learning_curve(self, ax: "Axes | None" = None) -> LearningCurveDisplay:
        """
        Draw unseen loss and score against the training size.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.

        Returns
        -------
        LearningCurveDisplay
        """
        return LearningCurveDisplay.from_result(self, ax=ax)

    def plot_plan(
        self,
        target: float,
        quantity: str = "score",
        *,
        rounds: int = 3,
        risk: float = 0.05,
        limit: int | None = None,
        cost_per_sample: float | None = None,
        cost_of_missing: float | None = None,
        prior: str | None = "bank",
        ax: "Axes | None" = None,
    ) -> CollectionPlanDisplay:
        """
        Draw a plan of collection: the chance that so many samples are enough, and its rounds.

        Parameters
        ----------
        target, quantity, rounds, risk, limit, cost_per_sample, cost_of_missing, prior
            As in :meth:`plan`.
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.

        Returns
        -------
        CollectionPlanDisplay
        """
        return CollectionPlanDisplay.from_result(
            self,
            target,
            quantity,
            ax=ax,
            rounds=rounds,
            risk=risk,
            limit=limit,
            cost_per_sample=cost_per_sample,
            cost_of_missing=cost_of_missing,
            prior=prior,
        )

    def plot_samples(self, top: int = 12, axes: "Sequence[Axes] | None" = None) -> SamplesDisplay:
        """
        Draw how concentrated Δ is, and the samples with the largest losses.

        Parameters
        ----------
        top : int, default=12
            How many samples; as images, where inputs are images.
        axes : pair of matplotlib Axes, optional
            Where to draw; None: a new figure.

        Returns
        -------
        SamplesDisplay
        """
        return SamplesDisplay.from_result(self, top=top, axes=axes)

    def plot_slices(self, column: str = "delta") -> SlicesDisplay:
        """
        Draw a panel for every slice, the worst first, at most twelve of them.

        Parameters
        ----------
        column : {"delta", "unseen_loss", "unseen_score"}, default="delta"
            What to draw against the training size.

        Returns
        -------
        SlicesDisplay
        """
        return SlicesDisplay.from_result(self, column=column)

    def report(
        self,
        path: str | PathLike[str],
        *,
        thresholds: float | Sequence[float] | None = None,
        relative: bool = False,
        growth: float | None = None,
        loss_target: float | None = None,
        score_target: float | None = None,
        confidence: float = 0.95,
        title: str | None = None,
        prior: str | None = "bank",
    ) -> Path:
        """
        Write everything onto one HTML page that needs no network, program or other file.

        It has the verdict in words, the caveats of this run, sizes with intervals, what to collect
        in three rounds where the samples are not enough, both curves, what each slice needs, the
        samples that stand out, all cells, and how it was measured. It works in light and dark
        mode, on phones, in print and with screen readers; the same result and questions give the
        same bytes.

        Parameters
        ----------
        path : path-like
            HTML file; replaced if it exists.
        thresholds : float or sequence of float, optional
            As in :meth:`verdict`; what stands on top is for all of them. None: no decision,
            and what twice, once, half and a quarter of the present change would need.
        relative, growth
            How to read `thresholds`, as in :meth:`verdict`.
        loss_target, score_target : float, optional
            As in :meth:`estimate_for_target`.
        confidence : float, default=0.95
            Of the intervals in the text and tables, in (0, 1); the band in the figure is for 95 %.
        title : str, optional
            Heading of the page.
        prior
            As in :meth:`predict_sufficient_size`.

        Returns
        -------
        Path
            Of the file.

        Raises
        ------
        ValueError, TypeError
            If a question makes no sense, in general or for these measurements.
        OSError
            If the file cannot be written; an existing one is then left unchanged.
        """
        questions = questions_from(
            thresholds,
            relative=relative,
            growth=growth,
            loss_target=loss_target,
            score_target=score_target,
            prior=prior,
        )
        return write_report(self, path, questions, confidence, title)

    def explore(
        self, data: Any = None, *, port: int = 0, open_browser: bool | None = None
    ) -> "ExplorePage":
        """
        Show a page on which the questions can be moved: in a notebook, or in the browser.

        It has the answers of this class, the figures and tables of the report, and code that asks
        the same. It is served to this computer alone, until it is closed or Python ends, and needs
        the extra ``sufficiency[explore]``.

        Parameters
        ----------
        data : array-like of shape (n, …) or DataFrame, optional
            The X that was passed to ``fit`` (X_unseen, for own candidates), to look at single
            samples.
        port : int, default=0
            Of the address on 127.0.0.1; 0: any that is free.
        open_browser : bool, optional
            None: except in a notebook, which shows the page in a frame.

        Returns
        -------
        ExplorePage
            With its ``url``, and ``close()``.

        Raises
        ------
        ModuleNotFoundError
            Without tornado, which the extra installs.
        ValueError
            If `data` are not the samples of the result, or the port is not free.
        """
        from sufficiency.explore.page import explore  # its server is optional

        return explore(self, data, port, open_browser)

    def save(self, path: str | PathLike[str]) -> None:
        """
        Write the result into a directory, as JSON and npz; nothing is pickled.

        Parameters
        ----------
        path : path-like
            Directory; made if it does not exist. Files of an earlier result in it are replaced.
        """
        meta = {name: getattr(self, name) for name in _scalars()}
        write_cells(Path(path), self.cells, meta, self.slices, self.images)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "SufficiencyResult":
        """
        Read what :meth:`save` wrote. No code can run from the files.

        Parameters
        ----------
        path : path-like
            The directory.

        Returns
        -------
        SufficiencyResult
            With the same numbers, bit for bit.

        Raises
        ------
        FileNotFoundError
            If there is no result in the directory.
        ValueError
            If the files are damaged or of another format.
        """
        cells, more, meta = read_cells(Path(path), _scalars(), _LATER)
        return cls(cells=cells, **more, **meta)


def _scalars() -> dict[str, Any]:
    """Types of what goes with the cells, by name."""
    types, others = get_type_hints(SufficiencyResult), {"cells", "slices", "images"}
    return {name: get_origin(kind) or kind for name, kind in types.items() if name not in others}
