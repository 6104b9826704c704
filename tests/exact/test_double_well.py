"""The double well, against Bessel functions and quadrature."""

import math

import pytest
from exact_cases import close
from scipy import special

from genphys import exact


def test_double_well_to_all_printed_digits():
    assert f"{exact.double_well_log_partition(1):.6f}" == "0.679926"
    assert f"{exact.double_well_moment(1.0, 2):.6f}" == "0.832745"
    close(exact.double_well_moment(2.0, 3), 0.0)
    close(exact.double_well_moment(2.0, 0), 1.0)


@pytest.mark.parametrize("beta", [1e-8, 1e-3, 0.3, 1.0, 7.0, 1e3, 1e6])
def test_double_well_agrees_with_bessel_functions_and_quadrature(beta):
    # Z = (pi / 2) e^{-beta/2} [I_{-1/4}(beta/2) + I_{1/4}(beta/2)]; ive carries the exponential
    bessel = math.log(math.pi / 2 * (special.ive(-0.25, beta / 2) + special.ive(0.25, beta / 2)))
    assert float(exact.double_well_log_partition(beta)) == pytest.approx(bessel, abs=1e-12)
    step = 1e-4 * beta  # <V> = -d ln Z / d beta, by central differences
    up, down = (float(exact.double_well_log_partition(beta + d)) for d in (step, -step))
    m2, m4 = (float(exact.double_well_moment(beta, k)) for k in (2, 4))
    # the difference is off by (step/beta)^2 of <V>, and by rounding over the step
    assert beta * (m4 - 2 * m2 + 1) == pytest.approx(-(up - down) / 2e-4, abs=1e-7)


@pytest.mark.parametrize("beta", [0.0, -1.0, math.inf, math.nan, 2e8, True, None])
def test_impossible_temperatures_are_named(beta):
    with pytest.raises(ValueError, match=r"beta is .* takes a finite number at most 100000000.0 and above 0"):
        exact.double_well_log_partition(beta)


def test_impossible_orders_are_named():
    for order in (-1, 1.0, True):
        with pytest.raises(ValueError, match="order is"):
            exact.double_well_moment(1.0, order)
