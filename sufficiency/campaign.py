"""A project that measures again after every round of collection, and learns from its forecasts."""

import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from sufficiency._files import new_directory, remove_stale, write_file
from sufficiency._representations import card
from sufficiency.cells.cell import CELL_COLUMNS
from sufficiency.exceptions import InvalidParameterError
from sufficiency.forecasts.bank import QUANTITIES
from sufficiency.plotting import TrackRecordDisplay
from sufficiency.result import SufficiencyResult
from sufficiency.sizing.beyond import forecast_beyond
from sufficiency.sizing.collection import CollectionPlan, plan_collection
from sufficiency.sizing.replicates import check_confidence

if TYPE_CHECKING:
    import pandas as pd

_MARKER, _KIND, _FORMAT = "campaign.json", "sufficiency campaign", 1
_ROUND = "round-{:03d}"
# What all rounds of a campaign have in common: attributes of the results, and their settings.
_SAME = ("order", "own_unseen", "of_slice")
_SAME_SETTINGS = (
    "net", "net_parameters", "scoring", "probe", "method", "train", "center", "min_steps"
)  # fmt: skip
# So many misses of the usual size are presumed before any is known.
_PRIOR_MISSES = 8
_COLUMNS = (
    "quantity",
    "round",
    "later",
    "size",
    "median",
    "low",
    "high",
    "measured",
    "inside",
    "z",
)


class Campaign:
    """
    A project in rounds: collect, measure, and collect again.

    It keeps the result of every round in a directory, plans the next one, and compares what
    earlier rounds forecast with what came. Nothing is written before the first :meth:`add`; a round
    is there completely or not at all, whenever the process ends. The files are those of
    :meth:`SufficiencyResult.save`, and loading them runs no code.

    Parameters
    ----------
    directory : path-like
        A campaign, or a new or empty directory.

    Raises
    ------
    ValueError
        If the directory holds anything else, a round is damaged or missing, or a newer release
        wrote it.

    Examples
    --------
    >>> from sufficiency import Campaign
    >>> campaign = Campaign("digits_campaign")  # doctest: +SKIP
    >>> print(campaign.add(est.result_).plan(0.95))  # doctest: +SKIP
    """

    def __init__(self, directory: str | PathLike[str]) -> None:
        if not isinstance(directory, str | PathLike):
            raise InvalidParameterError(
                "directory", f"must be the path of a directory, got {directory!r}"
            )
        self.directory = Path(directory).expanduser().absolute()
        self._results = [self._load(name) for name in self._round_names()]

    def __repr__(self) -> str:
        return f"Campaign({str(self.directory)!r})"

    def _repr_html_(self) -> str:
        n, ladders = len(self._results), [result.measurements for result in self._results]
        columns = {
            "Round": [str(number) for number in range(1, n + 1)],
            "Samples": [f"{result.n_samples:,}" for result in self._results],
            "Largest size": [f"{ladder.largest:,}" for ladder in ladders],
        }
        for name in QUANTITIES:
            columns[f"{name.capitalize()} there"] = [f"{it.at_largest(name):.3g}" for it in ladders]
        heading = f"Campaign of {n} round{'s' * (n != 1)}"
        return card(heading, str(self.directory), columns=columns if n else None)

    @property
    def results(self) -> tuple[SufficiencyResult, ...]:
        """The results of all rounds, the earliest first."""
        return tuple(self._results)

    def add(self, result: SufficiencyResult) -> "Campaign":
        """
        Add the result of the next round.

        Parameters
        ----------
        result : SufficiencyResult
            Of at least as many samples as the round before, with the same net, training, probe,
            scoring and order.

        Returns
        -------
        Campaign
            Itself.

        Raises
        ------
        ValueError, TypeError
            If it is no result, is there already, or does not belong to the campaign; the message
            says what differs.
        OSError
            If it cannot be written.
        """
        if not isinstance(result, SufficiencyResult):
            raise InvalidParameterError(
                "result",
                f"must be a SufficiencyResult, got {type(result).__name__}; pass `result_`",
            )
        self._check_belongs(result)
        self.directory.mkdir(parents=True, exist_ok=True)
        remove_stale(self.directory)
        marker = self.directory / _MARKER
        if not marker.exists():
            text = json.dumps({"kind": _KIND, "format": _FORMAT})
            write_file(marker, text.encode())
        place = self.directory / _ROUND.format(len(self._results) + 1)
        with new_directory(place) as making:
            result.save(making)
            if place.exists():
                raise InvalidParameterError(
                    "directory",
                    f"must not be written to by others at the same time, got a {place.name} in "
                    f"{str(self.directory)!r} meanwhile; open it again and add the result then",
                )
        # of processes that were killed while they added this round
        for unfinished in self.directory.glob(f".{place.name}-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        self._results.append(result)
        return self

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
        How many samples to collect now, by the latest result and by how earlier forecasts did.

        All standard deviations of the forecast are multiplied by √max(1, (ν + Σz²)/(ν + n)): z are
        the n standardized misses of :meth:`track_record` from each round to the next, for this
        quantity, and ν = 8 stands for as many misses of the usual size. Forecasts that missed by
        more than usual widen the next one; hits never narrow it.

        Parameters
        ----------
        target, quantity, rounds, risk, limit, cost_per_sample, cost_of_missing, prior
            As in :meth:`SufficiencyResult.plan`; `rounds` counts those that are still to come.

        Returns
        -------
        CollectionPlan

        Raises
        ------
        ValueError
            As there, and if the campaign has no round yet.
        """
        if not self._results:
            raise ValueError(
                f"`plan` needs a round, and the campaign {str(self.directory)!r} has none yet; "
                "`add` a result"
            )
        latest = self._results[-1]
        return plan_collection(
            latest.measurements,
            target,
            quantity=quantity,
            rounds=rounds,
            risk=risk,
            limit=limit,
            cost_per_sample=cost_per_sample,
            cost_of_missing=cost_of_missing,
            family=latest.family,
            prior=prior,
            widening=self.widening(quantity),
        )

    def widening(self, quantity: str) -> float:
        """
        Factor by which the misses so far widen the next forecast of a quantity.

        Parameters
        ----------
        quantity : {"loss", "score", "delta"}
            What is forecast.

        Returns
        -------
        float
            At least 1; the formula is that of :meth:`plan`.
        """
        record = self.track_record()
        taken = (record["quantity"] == quantity) & (record["later"] == record["round"] + 1)
        z = record.loc[taken, "z"].to_numpy()
        mean_square = (_PRIOR_MISSES + float(z @ z)) / (_PRIOR_MISSES + len(z))
        return math.sqrt(max(1.0, mean_square))

    def track_record(self, confidence: float = 0.9) -> "pd.DataFrame":
        """
        What every earlier round forecast for the later ones, against what came.

        Parameters
        ----------
        confidence : float, default=0.9
            Of the forecast intervals, in (0, 1).

        Returns
        -------
        pandas.DataFrame
            One row for each quantity ("loss", "score", "delta"), earlier ``round`` and ``later``
            one, both counted from 1, whose largest size is larger. Columns: ``size``, the largest
            of the later round; ``median``, ``low`` and ``high`` of the earlier round's forecast
            there; ``measured``, the mean over the later round's repeats; ``inside``, whether it
            lies between low and high; ``z``, the miss in standard deviations, positive where it
            came worse than the median. The forecasts are those of the earlier result alone, before
            the widening that :meth:`plan` adds. Where there is no forecast (fewer than four sizes,
            a single net for all sizes) there is no row.
        """
        import pandas as pd

        check_confidence(confidence)
        rows = [
            row
            for quantity in QUANTITIES
            for earlier in range(len(self._results))
            for later in range(earlier + 1, len(self._results))
            for row in self._compared(quantity, earlier, later, confidence)
        ]
        return pd.DataFrame(rows, columns=list(_COLUMNS))

    def plot_track_record(self, confidence: float = 0.9) -> TrackRecordDisplay:
        """
        Draw what was forecast and what came, a panel for each quantity.

        Parameters
        ----------
        confidence : float, default=0.9
            Of the forecast intervals, in (0, 1).

        Returns
        -------
        TrackRecordDisplay
        """
        return TrackRecordDisplay.from_campaign(self, confidence=confidence)

    def _compared(
        self, quantity: str, earlier: int, later: int, confidence: float
    ) -> Iterator[dict[str, Any]]:
        """The row of one forecast, if there is one."""
        before, after = (self._results[i].measurements for i in (earlier, later))
        size, measured = after.largest, after.at_largest(quantity)
        found = forecast_beyond(before, quantity) if size > before.largest else None
        if found is None or not math.isfinite(measured):
            return
        tail = (1.0 - confidence) / 2.0
        low, median, high = (float(found.values(size, p)[0]) for p in (tail, 0.5, 1.0 - tail))
        # a value may lie beyond all that the forecast thinks possible
        chance = np.clip(found.chance(size, measured)[0], 1e-12, 1.0 - 1e-12)
        values = (quantity, earlier + 1, later + 1, size, median, low, high, measured)
        inside, z = low <= measured <= high, float(special.ndtri(chance))
        yield dict(zip(_COLUMNS, (*values, inside, z), strict=True))

    def _check_belongs(self, result: SufficiencyResult) -> None:
        for i, other in enumerate(self._results, start=1):
            if all(
                np.array_equal(result.table(name), other.table(name), equal_nan=True)
                for name in CELL_COLUMNS
            ):
                raise InvalidParameterError(
                    "result", f"must be that of a new round, got that of round {i} again"
                )
        if not self._results:
            return
        last = self._results[-1]
        pairs = [(name, getattr(result, name), getattr(last, name)) for name in _SAME]
        for name in _SAME_SETTINGS:
            # results of earlier releases lack some
            if name in result.settings and name in last.settings:
                pairs.append((name, result.settings[name], last.settings[name]))
        for name, now, before in pairs:
            if now != before:
                raise InvalidParameterError(
                    "result",
                    f"must be measured like the rounds before, got {name} {now!r} instead of "
                    f"{before!r}: forecasts hold for one way to train and measure; measure again "
                    "in the same way, or begin another campaign",
                )
        if result.n_samples < last.n_samples:
            raise InvalidParameterError(
                "result",
                f"must have at least the {last.n_samples:,} samples of round "
                f"{len(self._results)}, got {result.n_samples:,}; rounds are added in their order",
            )

    def _round_names(self) -> list[str]:
        """Names of the rounds, in order; whatever else there may be is refused."""
        try:
            names = [name for name in os.listdir(self.directory) if not name.startswith(".")]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._refused("that can be read", f": {error.strerror}") from error
        if _MARKER in names:
            self._check_marker()
        rounds = sorted(name for name in names if re.fullmatch(r"round-\d{3,}", name))
        foreign = sorted(set(names) - {_MARKER, *(rounds if _MARKER in names else ())})
        if foreign:
            raise self._refused("of a campaign, or a new one", f", which holds {foreign[0]!r}")
        for i, name in enumerate(rounds, start=1):
            if name != _ROUND.format(i):
                raise self._refused(
                    "with all rounds of a campaign",
                    f" without {_ROUND.format(i)}",
                    "put that back, or add the others to a new campaign",
                )
        return rounds

    def _check_marker(self) -> None:
        try:
            marker = json.loads((self.directory / _MARKER).read_text(encoding="utf-8"))
            kind, version = marker["kind"], marker["format"]
        except (OSError, ValueError, KeyError, TypeError):
            kind, version = None, None
        if kind != _KIND:
            raise self._refused(
                "of a campaign",
                f", whose {_MARKER} is damaged or foreign",
                "add its rounds, each of which is a saved result, to a new campaign",
            )
        if version != _FORMAT:
            raise self._refused(
                f"of format {_FORMAT}",
                f" of format {version!r}",
                "use the release of sufficiency that wrote it",
            )

    def _load(self, name: str) -> SufficiencyResult:
        try:
            return SufficiencyResult.load(self.directory / name)
        except (OSError, ValueError) as error:
            raise self._refused(
                "whose rounds can be read",
                f", whose {name} is incomplete, damaged or foreign",
                "put back a copy of that, add the other rounds to a new campaign, or use the "
                "release of sufficiency that wrote it",
            ) from error

    def _refused(
        self, rule: str, fault: str, remedy: str = "choose another one"
    ) -> InvalidParameterError:
        place = str(self.directory)
        return InvalidParameterError(
            "directory", f"must be a directory {rule}, got {place!r}{fault}; {remedy}"
        )
