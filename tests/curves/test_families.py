"""A new family is a class and a line in the registry."""

import numpy as np
import pytest

from sufficiency import DeltaCurveDisplay, LandscapeSufficiencyEstimator, SufficiencyResult
from sufficiency.cli import main
from sufficiency.curves import FittedCurve, fit_curve
from sufficiency.curves.families import FAMILIES, Family
from sufficiency.report.method import paragraphs
from tests.helpers import make_result

SIZES = np.array([40, 70, 122, 214, 374, 653, 1143, 2000])


class Stretched(Family):
    """Δ = C·exp(−rate·√κ), which none of the others can follow."""

    name = "stretched"
    parameters = ("C", "rate")
    log_scaled = ("C",)

    def predict(self, kappa, order, parameters):
        return parameters["C"] * np.exp(-parameters["rate"] * np.sqrt(kappa))

    def log_kappa(self, threshold, order, parameters):
        return 2 * np.log(np.log(parameters["C"] / threshold) / parameters["rate"])

    def fit_logs(self, log_kappa, log_delta, weights, order):
        slope, level = np.polyfit(np.exp(log_kappa / 2), log_delta, 1, w=np.sqrt(weights))
        return {"C": float(np.exp(level)), "rate": float(-slope)}

    def formula(self, order):
        return "C·exp(−rate·√κ)"

    def mathtext(self, order, parameters):
        return r"C\,e^{-r\sqrt{\kappa}}"


@pytest.fixture
def stretched(monkeypatch):
    monkeypatch.setitem(FAMILIES, "stretched", Stretched())


@pytest.fixture
def decay(stretched):
    """Two repeats, one of them 10 % higher."""
    exact = 2.0 * np.exp(-0.1 * np.sqrt(SIZES + 1.0))
    return np.vstack([exact, 1.1 * exact])


def test_it_is_fitted_inverted_and_chosen(decay):
    chosen, given = (fit_curve(SIZES, decay, family=name) for name in ("auto", "stretched"))
    assert chosen.family == "stretched"
    assert chosen.rivals == ("stretched",)
    assert chosen.parameters == given.parameters == pytest.approx({"C": 2.1, "rate": 0.1})
    assert chosen.sufficient_size(chosen.predict(777)[0]) == 777
    with pytest.raises(ValueError, match="at least 2 measured sizes for the family 'stretched'"):
        fit_curve(SIZES[:1], decay[:, :1], family="stretched")


def test_a_result_answers_draws_and_reports_with_it(decay, tmp_path):
    make_result(decay, SIZES, family="stretched").save(tmp_path / "saved")
    result = SufficiencyResult.load(tmp_path / "saved")
    low, high = result.sufficient_size_interval(0.1)
    assert low <= result.predict_sufficient_size(0.1) <= high
    # both repeats have the same rate, so its interval has no width
    assert result.parameter_intervals("stretched")["rate"] == pytest.approx((0.1, 0.1))
    low, high = result.parameter_intervals("stretched")["C"]
    assert low * high == pytest.approx(result.curve.parameters["C"] ** 2)
    label = DeltaCurveDisplay.from_result(result).curve_.get_label()
    assert label == r"fit: $C\,e^{-r\sqrt{\kappa}}$, $\kappa = k + 1$"
    assert "C·exp(−rate·√κ) with κ = k + 1" in "".join(paragraphs(result, result.curve))


@pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")
def test_the_estimator_takes_it_by_name(stretched, rng):
    X, y = rng.standard_normal((60, 3)), rng.integers(0, 2, 60)
    settings = {"n_repeats": 1, "n_draws": 2, "min_steps": 0, "refit": False, "random_state": 0}
    fitted = LandscapeSufficiencyEstimator(sizes=2, curve="stretched", **settings).fit(X, y)
    assert fitted.curve_.family == "stretched"
    with pytest.raises(ValueError, match="did you mean 'stretched'"):
        LandscapeSufficiencyEstimator(curve="streched", **settings).fit(X, y)


def test_families_are_named_where_users_choose_one():
    """Their texts cannot read the registry: the help must not import NumPy."""
    (option,) = (given for given in main.commands["run"].params if given.name == "curve")
    assert list(option.type.choices) == ["auto", *FAMILIES]
    for text in (LandscapeSufficiencyEstimator.__doc__, FittedCurve.__doc__):
        assert all(f'"{name}"' in text for name in FAMILIES)
