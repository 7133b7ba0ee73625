"""Where the quadratic model holds around the net of an estimator."""

import numpy as np
import pytest

from sufficiency.curvature import validate_quadratic
from sufficiency.plotting import QuadraticValidationDisplay
from sufficiency.probes import IsotropicGaussian
from tests.digits import digits, estimator

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")


def fit(probe="isotropic"):
    return estimator(n_repeats=1, refit=True, probe=probe).fit(*digits())


def test_errors_grow_with_the_scale_until_it_is_not_valid():
    found = validate_quadratic(fit(), [0.01, 0.1, 3.0])
    assert (np.diff(found.relative_error) > 0).all()
    assert found.relative_error[0] < 0.01
    assert found.largest_valid < 3.0
    display = QuadraticValidationDisplay.from_validation(found)
    assert display.ax_.get_xscale() == "log"


def test_it_needs_a_refitted_net():
    with pytest.raises(Exception, match="not fitted"):
        validate_quadratic(estimator(n_repeats=1).fit(*digits()), [0.1])


def test_draws_are_those_of_the_estimators_probe():
    errors = [
        validate_quadratic(fit(probe), [0.3]).relative_error[0]
        for probe in (IsotropicGaussian(), IsotropicGaussian(parameters="layers.2.bias"))
    ]
    # cross-entropy is nearly quadratic in a bias that is small
    assert errors[1] < 0.1 * errors[0]
