"""The flow with four knobs in the page: exact log Z, its determinant, and what the weights say and do not say."""

import math

import torch

from genphys import exact, flows

LOG_Z = exact.double_well_log_partition(6.0) + math.log(math.pi / 2) / 2
OPTIONS = {"m": 0.2, "s": 0.3, "b": 0.9, "k": 4.0, "c": 0.7}


def move(z, o=OPTIONS):
    x = o["m"] + o["s"] * z[0] + o["b"] * torch.tanh(o["k"] * z[0])
    return torch.stack([x, o["c"] * x + 0.5 * z[1]])


def test_the_map_its_determinant_and_its_inverse(bench):
    page = bench("flow")
    assert abs(page.ask("live.LOG_Z") - float(LOG_Z)) < 1e-6
    for z in torch.randn(5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) / 2:
        found = page.ask("live.map(given[0], given[1])", [z.tolist(), OPTIONS])
        torch.testing.assert_close(torch.tensor(found["x"], dtype=torch.float64), move(z), atol=1e-9, rtol=0)
        jacobian = torch.autograd.functional.jacobian(move, z)
        assert abs(found["logDet"] - jacobian.det().abs().log()) < 1e-9
        back = torch.tensor(page.ask("live.invert(given[0], given[1])", [found["x"], OPTIONS]), dtype=torch.float64)
        torch.testing.assert_close(back, z, atol=1e-8, rtol=0)


def test_estimate_and_share_are_those_of_the_package(bench):
    page = bench("flow")
    log_w = torch.randn(300, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found, expected = page.ask("live.estimate(given)", log_w.tolist()), flows.log_partition(log_w)
    assert abs(found["logZ"] - expected.value) < 1e-9 and abs(found["error"] / expected.stderr - 1) < 0.01
    assert abs(found["share"] - flows.effective_share(log_w)) < 1e-9


def test_one_well_is_certain_and_wrong_and_two_are_right(bench):
    page = bench("flow")
    one = page.ask("live.found")
    assert one["share"] > 0.9 and abs(one["logZ"] - (float(LOG_Z) - math.log(2))) < 0.02 and one["error"] < 0.01
    assert page.ask("live.logWeight([-1, -1], {m: 0.95, s: 0.16, b: 0, k: 4, c: 1})") > 50
    page.page.get_by_role("button", name="Both wells").click()
    two = page.ask("live.found")
    assert abs(two["logZ"] - float(LOG_Z)) < 4 * two["error"] and 0.7 < two["share"] < one["share"] - 0.05
    page.ask("live.put(0, 0.16, 0.85, 20, 1)")
    assert page.ask("live.found.share") < two["share"] - 0.1, "a sharper split is worse"
