"""How many samples are enough, how sure that is, and what to do when it is not."""

from sufficiency.sizing.answers import (
    parameter_intervals,
    predict_size_for_loss,
    predict_size_for_score,
    predict_sufficient_size,
    sufficient_size_interval,
)
from sufficiency.sizing.estimates import SizeEstimate, delta_interval, estimate_size
from sufficiency.sizing.learning_curve import LearningCurve
from sufficiency.sizing.performance import PerformanceFit, estimate_for_target, fit_performance
from sufficiency.sizing.questions import Question, absolute_threshold, ask, fit_delta
from sufficiency.sizing.thresholds import suggest_thresholds
from sufficiency.sizing.verdict import Verdict, judge

__all__ = [
    "LearningCurve",
    "PerformanceFit",
    "Question",
    "SizeEstimate",
    "Verdict",
    "absolute_threshold",
    "ask",
    "delta_interval",
    "estimate_for_target",
    "estimate_size",
    "fit_delta",
    "fit_performance",
    "judge",
    "parameter_intervals",
    "predict_size_for_loss",
    "predict_size_for_score",
    "predict_sufficient_size",
    "sufficient_size_interval",
    "suggest_thresholds",
]
