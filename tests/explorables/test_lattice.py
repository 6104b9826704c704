"""The flows of the lattice field in the page: PyTorch's fields and densities, its weights, log Z of chains."""

import json
import math

import explorables
import pytest
import torch

from genphys import flows, train
from genphys.systems import phi4, phi4_partition

LAM = 0.5


@pytest.mark.parametrize("run", list(train.LATTICE_RUNS))
def test_fields_and_densities_are_those_of_the_package(run, bench):
    flow, _ = train.load_lattice_flow(run)
    noise = torch.randn(5, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        phi, log_q = flow.double()(noise)
    found = bench("lattice").ask(
        "(({phi, logQ}) => [[...phi], [...logQ]])(live.flow(genbook.tensors(`lattice_${given[0]}`), "
        "live.RUNS[given[0]].even, Float32Array.from(given[1]), 5))",
        [run, noise.view(5, 64).T.flatten().tolist()],
    )
    torch.testing.assert_close(torch.tensor(found[0]).double().view(64, 5).T, phi.view(5, 64), atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.tensor(found[1]).double(), log_q, atol=1e-4, rtol=0)


def test_weights_share_and_virial_are_those_of_the_package(bench):
    rng = torch.Generator().manual_seed(2)
    phi = 0.7 * torch.randn(40, 8, 8, generator=rng, dtype=torch.float64)
    log_q = torch.randn(40, generator=rng, dtype=torch.float64) - phi4.action(phi, 0.3, LAM)
    found = bench("lattice").ask(
        "live.weigh({of: live.measure(Float64Array.from(given[0]), 40), logQ: Float64Array.from(given[1])}, 0.33)",
        [phi.view(40, 64).T.flatten().tolist(), log_q.tolist()],
    )
    log_w = -phi4.action(phi, 0.33, LAM) - log_q
    expected = flows.log_partition(log_w)
    assert abs(found["share"] - flows.effective_share(log_w)) < 1e-9
    assert abs(found["logZ"] - expected.value) < 1e-9 and abs(found["error"] / expected.stderr - 1) < 0.02
    virial = (phi * phi4.action_gradient(phi, 0.33, LAM)).sum((1, 2)) / 64
    assert abs(found["virial"] - flows.weighted_mean(virial, log_w).value) < 1e-9
    assert abs(found["field"] - flows.weighted_mean(phi4.magnetisation(phi), log_w).value) < 1e-9


def test_the_curve_of_the_chains_is_log_z_and_its_slope_the_bonds(bench):
    """By the records of the shipped flows at the places of their training, and by fresh chains in between."""
    page = bench("lattice")
    for run, setting in train.LATTICE_RUNS.items():
        text = (explorables.shipped(f"lattice_{run}")).with_suffix(".json").read_text("utf8")
        value, error = json.loads(text)["evaluation"]["log_z"]
        lost = 0 if setting["even"] else math.log(2)
        found = page.ask("live.reference(given)", setting["kappa"])
        assert abs(found - value - lost) < 4 * math.hypot(error, 0.03), run
    slope = page.ask("(live.reference(0.226) - live.reference(0.214)) / 0.012")
    phi = phi4.sample(400, 8, 0.22, LAM, rng=torch.Generator().manual_seed(3), trajectories=60)
    bonds = 2 * phi4_partition.hopping(phi)
    assert abs(slope - bonds.mean()) < 4 * bonds.std() / 20


def test_the_share_falls_away_from_the_training_and_does_not_see_the_lost_half(bench):
    page = bench("lattice")
    home = page.ask("live.found")
    assert 0.05 < home["share"] < 0.25 and abs(home["logZ"] - page.ask("live.reference(0.32)")) < 5 * home["error"]
    assert abs(home["virial"] - 1) < 0.1
    page.page.locator("select").select_option("broken")
    shares = [page.ask("(live.kappa.value = given, live.run.select.dispatchEvent(new Event('change')), live.found)", k)
              for k in (0.32, 0.4)]  # fmt: skip
    assert shares[0]["share"] < 0.02 < 0.3 < shares[1]["share"]
    assert abs(shares[1]["logZ"] - page.ask("live.reference(0.4)") + math.log(2)) < 0.15
    assert shares[1]["field"] > 0.9 and shares[1]["error"] < 0.05
