"""The caveats of a run are the warnings of its fit and the caveats of its verdicts, each once."""

import warnings

import numpy as np
import pytest

from sufficiency import SufficiencyWarning
from sufficiency.report.doubts import doubts
from sufficiency.report.questions import Asked, answer
from sufficiency.sizing.diagnostics import check_failures, warn_of_doubts
from tests.helpers import make_result
from tests.report.pages import DELTA, SIZES, one_failed, plain, report


def said(result, thresholds=None):
    return doubts(result, answer(result, Asked(thresholds).checked()))


def capitalized(text):
    return f"{text[0].upper()}{text[1:]}."


@pytest.mark.parametrize(
    "result",
    [
        plain(),
        plain(loss_drift=10.0),
        plain(constant_loss=0.1),
        plain(delta_point=DELTA),
        plain(top1pct_share=0.9),
        one_failed(),
        one_failed(loss_drift=10.0, constant_loss=0.1, top1pct_share=0.9),
    ],
)
def test_what_the_fit_warns_of(result):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_failures(result)
        warn_of_doubts(result)
    assert all(issubclass(warning.category, SufficiencyWarning) for warning in caught)
    expected = [capitalized(str(warning.message)) for warning in caught]
    assert list(said(result, 1e-3)) == expected


def test_what_the_verdicts_have_beyond_that():
    result = plain()
    caveat = result.verdict(1e-5).caveats[0]
    assert "times beyond the largest size" in caveat
    assert said(result, 1e-5) == (capitalized(caveat),)
    assert said(result, [1e-3, 1e-5]) == (capitalized(f"{caveat}, for a change of 0.00316"),)


def test_of_thresholds_that_nobody_has_set_only_what_concerns_all_of_them():
    assert said(plain()) == ()
    assert said(make_result(DELTA[:1], SIZES)) == ("A single repeat gives no interval.",)


def test_without_anything_to_say_the_page_says_that(tmp_path):
    page = report(plain(), tmp_path, thresholds=1e-3)
    section = page.one("section", id="doubts")
    assert not section.all("li")
    assert "The checks have found nothing" in section.text


def test_where_nothing_was_measured_the_failures_remain():
    (text,) = said(make_result(np.full((2, 3), np.nan)), 1e-3)
    assert text.startswith("6 of 6 cells failed and are left out: repeat 0, size 10: no luck; ")
