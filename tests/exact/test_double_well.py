"""The double well, against Bessel functions and printed digits."""

import math

import pytest
from scipy import special

from genphys import exact


def test_double_well_to_all_printed_digits():
    assert f"{exact.double_well_log_partition(1):.6f}" == "0.679926"


@pytest.mark.parametrize("beta", [1e-8, 1e-3, 0.3, 1.0, 7.0, 1e3, 1e6])
def test_double_well_agrees_with_bessel_functions(beta):
    # Z = (pi / 2) e^{-beta/2} [I_{-1/4}(beta/2) + I_{1/4}(beta/2)]; ive carries the exponential
    bessel = math.log(math.pi / 2 * (special.ive(-0.25, beta / 2) + special.ive(0.25, beta / 2)))
    assert float(exact.double_well_log_partition(beta)) == pytest.approx(bessel, abs=1e-12)


@pytest.mark.parametrize("beta", [0.0, -1.0, math.inf, math.nan, 2e8, True, None])
def test_impossible_temperatures_are_named(beta):
    with pytest.raises(ValueError, match=r"beta is .* takes a finite number at most 100000000.0 and above 0"):
        exact.double_well_log_partition(beta)
