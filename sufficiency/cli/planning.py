"""Plans of collection, and campaigns, on the command line."""

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from sufficiency.campaign import Campaign
from sufficiency.cli.errors import ENOUGH, BadInput, RunFailed, message_of, one_line, put
from sufficiency.cli.notices import Notices
from sufficiency.cli.output import document_of, numbers_table
from sufficiency.cli.questions import WIDTH, Asked
from sufficiency.cli.reporting import DPI
from sufficiency.cli.saved import load_result
from sufficiency.plotting import CollectionPlanDisplay, TrackRecordDisplay
from sufficiency.result import SufficiencyResult
from sufficiency.sizing import CollectionPlan
from sufficiency.sizing.collection import chance_in_words
from sufficiency.sizing.questions import DeltaQuestion, Question, absolute_threshold, percent

# What asks for a plan, by what is to meet the target.
_OPTIONS = {"delta": "--threshold", "loss": "--loss-target", "score": "--score-target"}
Plans = Sequence[tuple[Question, CollectionPlan]]


def plan_saved(
    directory: Path,
    asked: Asked,
    *,
    curve: str | None,
    out: Path | None,
    as_json: bool,
    debug: bool,
    **parameters: Any,
) -> int:
    """Plan from a saved result."""
    if not asked.questions:
        raise BadInput(f"a plan needs a target; give {', '.join(_OPTIONS.values())}")
    with Notices(debug).listening():
        result = load_result(directory, curve)
        plans = _plans(result, result.plan, asked, parameters)
        if out is not None:
            _draw(_display(plans), out)
    if as_json:
        put(document_of({"plans": _records(plans)}))
    else:
        put(_in_words(plans))
    return ENOUGH


def show_campaign(
    directory: Path,
    added: Sequence[Path],
    asked: Asked,
    *,
    out: Path | None,
    as_json: bool,
    debug: bool,
    **parameters: Any,
) -> int:
    """Add rounds to a campaign, and say what it has foreseen and what to collect."""
    with Notices(debug).listening():
        campaign = _with_rounds(directory, added)
        results = campaign.results
        if not results:
            raise BadInput(f"{directory} has no round yet; give the first one with --add RESULT")
        plans = _plans(results[-1], campaign.plan, asked, parameters)
        rows = campaign.track_record().to_dict("records")
        if out is not None:
            _draw(_display(plans) if plans else _track_record(campaign), out)
    if as_json:
        rounds = [
            {"n_available": result.n_samples, "largest": result.measurements.largest}
            for result in results
        ]
        put(document_of({"rounds": rounds, "track_record": rows, "plans": _records(plans)}))
        return ENOUGH
    counts = ", ".join(f"{result.n_samples:,}" for result in results)
    parts = [f"Rounds: {len(results)}, with {counts} samples."]
    if rows:
        parts.append(f"Forecasts and what was measured:\n{numbers_table(rows)}")
    else:
        parts.append("There is no forecast to compare with a later round yet.")
    if plans:
        parts.append(_in_words(plans))
    put("\n\n".join(parts))
    return ENOUGH


def _with_rounds(directory: Path, added: Sequence[Path]) -> Campaign:
    found = [load_result(place) for place in added]
    try:
        campaign = Campaign(directory)
        for result in found:
            campaign.add(result)
    except ValueError as error:
        raise BadInput(message_of(error, directory="DIR", result="--add")) from error
    except OSError as error:
        raise RunFailed(f"{directory} cannot be written to ({one_line(error)})") from error
    return campaign


def _plans(
    result: SufficiencyResult,
    planner: Callable[..., CollectionPlan],
    asked: Asked,
    parameters: dict[str, Any],
) -> Plans:
    """A plan for each target."""
    plans = []
    for question in asked.questions:
        try:
            if isinstance(question, DeltaQuestion):
                ladder, relative = result.measurements, question.relative
                target = absolute_threshold(ladder, question.threshold, relative=relative)
            else:
                target = question.target
            plan = planner(target, question.kind, prior=question.prior, **parameters)
        except ValueError as error:
            raise BadInput(message_of(error, target=_OPTIONS[question.kind])) from error
        plans.append((question, plan))
    return plans


def _records(plans: Plans) -> list[dict[str, Any]]:
    """For JSON."""
    records = []
    for question, plan in plans:
        per_sample, of_missing = plan.costs or (None, None)
        same = (
            "quantity", "target", "n_available", "collect", "risk", "limit", "expected_total",
            "expected_cost", "chance_short", "chance_short_of_limit", "out_of_reach",
        )  # fmt: skip
        records.append(
            {
                **question.asked,
                **{name: getattr(plan, name) for name in same},
                "cost_per_sample": per_sample,
                "cost_of_missing": of_missing,
                "rounds": plan.to_frame().reset_index().to_dict("records"),
                "text": str(plan),
            }
        )
    return records


def _in_words(plans: Plans) -> str:
    """For people: a paragraph and a table each."""
    parts = []
    for question, plan in plans:
        parts.append(fill(f"{question}: {plan}", width=WIDTH))
        if plan.collect:
            shown: dict[str, Any] = dict.fromkeys(("collect", "total"), "{:,}".format)
            shown |= {"chance": chance_in_words, "needed": percent}
            parts.append(plan.to_frame().reset_index().to_string(index=False, formatters=shown))
    return "\n\n".join(parts)


def _display(plans: Plans) -> CollectionPlanDisplay:
    if len(plans) != 1:
        raise BadInput(f"--out takes the figure of one plan, got {len(plans)} targets; give one")
    return CollectionPlanDisplay(plan=plans[0][1]).plot()


def _track_record(campaign: Campaign) -> TrackRecordDisplay:
    try:
        return campaign.plot_track_record()
    except ValueError as error:
        raise BadInput(f"--out has nothing to show: {message_of(error)}") from error


def _draw(display: CollectionPlanDisplay | TrackRecordDisplay, out: Path) -> None:
    try:
        display.figure_.savefig(out, dpi=DPI)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"--out {out} cannot be written ({one_line(error)}); name a file such as plan.png in a "
            "directory that exists"
        ) from error
