"""What objects show of themselves: a short line as text, an escaped card in notebooks."""

from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sufficiency import (
    Campaign,
    CostEstimate,
    FittedCurve,
    LandscapeSufficiencyEstimator,
    SizeEstimate,
)
from sufficiency._representations import card, in_formula, short_repr
from tests.campaigns import result_of
from tests.helpers import classifier, make_result, with_parts
from tests.report.test_escaping import HOSTILE


class Card(HTMLParser):
    """Tags and texts; whatever is not closed is an error."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert not [name for name, _ in attrs if name.startswith("on") or name == "href"]
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def result():
    return result_of(1000)


@pytest.fixture(scope="module")
def shown(result, tmp_path_factory):
    """One of each kind."""
    campaign = Campaign(tmp_path_factory.mktemp("campaign <b>")).add(result)
    cost = CostEstimate(200.0, 10**9, np.array([30, 1000]), np.array([1.0, 90.0]), 8)
    return {
        "verdict": result.verdict(1e-6),
        "target": result.verdict_for_target(0.99, "score"),
        "plan": result.plan(0.95),
        "no plan": result.plan(0.5),
        "cost": cost,
        "estimate": result.estimate_for_target(0.2),
        "no estimate": SizeEstimate("unreachable", None, None, "the loss cannot be < 0"),
        "curve": result.curve,
        "result": result,
        "slice": with_parts(make_result(), {"site=<b>": 1.0}).slice("site=<b>"),
        "campaign": campaign,
    }


def test_text_is_a_short_line_with_the_class(shown):
    for name, thing in shown.items():
        text = repr(thing)
        assert text.startswith(f"{type(thing).__name__}("), name
        # two lines of a console; the path of a campaign is as long as it is
        assert len(text.replace(str(getattr(thing, "directory", "")), "")) < 250, name


def test_the_line_has_what_matters(shown, result):
    verdict = shown["verdict"]
    assert f"decision={verdict.decision!r}" in repr(verdict)
    assert f"size={verdict.size}" in repr(verdict)
    assert "n_samples=1000" in repr(result)
    assert "n_repeats=4" in repr(result)
    curve = FittedCurve("power_law", 2, {"C": 1640.0, "alpha": 2.25}, result.sizes, result.deltas)
    assert str(curve) == "C·κ^(−alpha) with C = 1,640, alpha = 2.25"


def test_cards_say_what_the_text_says(shown, result):
    for name, thing in shown.items():
        if name == "curve":
            continue
        read = Card(thing._repr_html_())
        assert not {"script", "style", "link", "img", "iframe", "b"} & set(read.tags)
        said = " ".join(read.texts)
        if name in ("verdict", "target"):
            assert thing.headline in said
            assert thing.missing in said
            assert thing.explanation[1:] in said
        elif name in ("plan", "no plan"):
            assert str(thing) in said
            assert read.tags.count("tr") == (1 + len(thing.totals) if thing.collect else 0)
        elif name == "cost":
            assert str(thing)[1:] in said
        elif name == "campaign":
            assert str(thing.directory) in said
            assert "1,000" in said
    said = " ".join(Card(result._repr_html_()).texts)
    assert all(f"{size:,}" in said for size in result.sizes)
    assert str(result.curve) in said
    assert "site=<b>" in Card(shown["slice"]._repr_html_()).texts


def test_a_result_without_a_curve_or_with_caveats_says_so():
    two = make_result(np.array([[1.0, 0.5]]), (10, 20), family="transient", loss_drift=10.0)
    said = " ".join(Card(two._repr_html_()).texts)
    assert "none: " in said
    assert "2 of 2 centers are not settled" in said


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_of_a_card_stays_text(text):
    columns, facts = {text: [text]}, [(text, text)]
    read = Card(card(text, text, facts=facts, columns=columns, remarks=[text]))
    assert "".join(read.texts) == 7 * text
    assert set(read.tags) <= {"div", "p", "strong", "table", "tr", "th", "td", "ul", "li"}


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (4.0, 3, "4"),
        (0.12345, 3, "0.123"),
        (1640.0, 3, "1{,}640"),
        (-2.5, 2, "-2.5"),
        (1e-6, 3, "10^{-6}"),
        (2.31e-9, 2, r"2.3\times 10^{-9}"),
        (9.996e5, 3, r"10^{6}"),
        (0.0, 3, "0"),
        (float("inf"), 3, "inf"),
    ],
)
def test_numbers_in_formulas(value, digits, text):
    assert in_formula(value, digits) == text


def test_a_short_line_names_what_was_asked_for():
    assert short_repr(1 + 2j, "imag", "real") == "complex(imag=2.0, real=1.0)"


class TestEstimator:
    """In scikit-learn's own manner."""

    @pytest.mark.parametrize(
        "net", [None, classifier(), make_pipeline(StandardScaler(), classifier())]
    )
    def test_before_a_fit(self, net):
        html = LandscapeSufficiencyEstimator(net, sizes=3, store="<script>")._repr_html_()
        assert "LandscapeSufficiencyEstimator" in html
        assert "Not fitted" in html
        assert "&lt;script&gt;" in html
        if net is not None:
            assert type(net).__name__ in html
