"""The sweep of a whole distribution, against the product of the heat-bath matrices."""

import pytest
import torch
from exact_cases import normal as randn

from genphys import energy, exact


@pytest.mark.parametrize("M", [1, 2, 5])
def test_a_sweep_of_a_distribution_is_the_product_of_the_kernels(M):
    log_p = randn(2**M, seed=9).log_softmax(0)
    start = randn(2**M, seed=10).softmax(0)
    expected = start
    for kernel in exact.single_site_kernels(log_p):
        expected = expected @ kernel
    torch.testing.assert_close(energy.gibbs_sweep(start, log_p + 3.0), expected, atol=1e-14, rtol=0)
    torch.testing.assert_close(energy.gibbs_sweep(log_p.exp(), log_p), log_p.exp(), atol=1e-14, rtol=0)


@pytest.mark.parametrize(
    ("prob", "log_f", "words"),
    [
        (torch.ones(6), torch.ones(6), r"prob is .*\(2\^M,\)"),
        (torch.ones(8), torch.ones(4), "log_f is .*states = 8"),
        (torch.ones(1), torch.ones(1), "M of 1 or more"),
        (torch.ones(4, 4), torch.ones(4, 4), r"prob is .*\(4, 4\)"),
        (-torch.ones(4), torch.ones(4), "prob is .* at least 0"),
    ],
)
def test_a_sweep_refuses_what_is_no_distribution_over_units(prob, log_f, words):
    with pytest.raises(ValueError, match=words):
        energy.gibbs_sweep(prob, log_f)
