"""What stands on top: the right decision, in words and a sign."""

import numpy as np
import pytest

from sufficiency.report.decisions import decide
from sufficiency.report.questions import Asked, answer
from tests.helpers import make_result
from tests.report.pages import DELTA, SIZES, plain


def decision(result, thresholds=None):
    return decide(result, answer(result, Asked(thresholds).checked()))


def test_enough():
    found = decision(plain(), 1e-3)
    assert (found.kind, found.sign) == ("enough", "✓")
    assert found.headline == "You have enough samples"
    assert found.text == str(plain().verdict(1e-3))
    assert dict(found.numbers)["Missing"] == "none"


def test_probably_enough_where_the_interval_goes_beyond_what_there_is():
    result = plain(n_samples=70)
    verdict = result.verdict(1e-3)
    assert verdict.n_missing == 0
    assert verdict.interval[1] > 70
    assert decision(result, 1e-3).headline == "You probably have enough samples"


def test_missing():
    result = plain(n_samples=100)
    verdict = result.verdict(2e-4)
    assert verdict.status == "extrapolated"
    assert verdict.interval[0] > 100
    found = decision(result, 2e-4)
    assert (found.kind, found.sign) == ("more", "+")
    assert found.headline == f"About {verdict.n_missing:,} samples are missing"
    assert dict(found.numbers)["Missing"] == f"about {verdict.n_missing:,}"


def test_probably_missing_where_the_interval_begins_with_what_there_is():
    result = plain(n_samples=130)
    verdict = result.verdict(2e-4)
    assert verdict.interval[0] <= 130 < verdict.size
    assert decision(result, 2e-4).headline.endswith("samples are probably missing")


def test_what_cannot_be_said():
    rising = make_result(np.array([[1.0, 2, 3]] * 2), family="power_law")
    found = decision(rising, 1e-3)
    assert (found.kind, found.sign) == ("unknown", "?")
    assert found.headline == "These measurements cannot tell"


def test_a_single_repeat_decides_by_its_size():
    result = make_result(DELTA[:1], SIZES)
    assert decision(result, 4e-3).headline == "You have enough samples"
    assert dict(decision(result, 4e-3).numbers)["95 % interval"] == "–"


@pytest.mark.parametrize("worthless", [{"loss_drift": 10.0}, {"constant_loss": 0.1}])
def test_nets_that_have_not_learned_decide_nothing(worthless):
    found = decision(plain(**worthless), 1e-3)
    assert found.kind == "unknown"
    assert found.headline == "These trainings are no basis for a decision"


def test_a_few_of_them_make_it_probable():
    drift = np.zeros(DELTA.shape)
    drift[0, 0] = 10.0
    assert decision(plain(loss_drift=drift), 1e-3).headline == "You probably have enough samples"


def test_nobody_has_asked():
    found = decision(plain())
    assert found.kind == "open"
    assert found.headline == "No threshold was set"
    assert dict(found.numbers)["Samples you have"] == "100"


def test_no_curve():
    found = decision(make_result(np.zeros((2, 3))), 1e-3)
    assert found.kind == "unknown"
    assert "No curve could be fitted to Δ: `deltas` must be finite" in found.text
