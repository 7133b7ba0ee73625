"""How many samples are enough, how sure that is, and what to do when it is not."""

from sufficiency.sizing.caveats import Caveat
from sufficiency.sizing.collection import CollectionPlan
from sufficiency.sizing.ladder import Ladder
from sufficiency.sizing.learning_curve import LearningCurve
from sufficiency.sizing.size_intervals import SizeEstimate
from sufficiency.sizing.slices import NeediestSlice
from sufficiency.sizing.verdict import Verdict

__all__ = [
    "Caveat",
    "CollectionPlan",
    "Ladder",
    "LearningCurve",
    "NeediestSlice",
    "SizeEstimate",
    "Verdict",
]
