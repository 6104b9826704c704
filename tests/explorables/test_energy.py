"""The magnet in the page: exact curves as in genphys, and chains whose averages meet them."""

import pytest
import torch

from genphys.systems import ising, onsager


def test_the_exact_curves_are_those_of_the_package(bench):
    page = bench("energy")
    for L in (4, 16, 64):
        T = torch.tensor([0.6, 1.5, ising.T_C, 2.6, 5.0], dtype=torch.float64)
        found = page.ask("given[1].map(T => live.exactEnergy(given[0], T))", [L, T.tolist()])
        torch.testing.assert_close(torch.tensor(found).double(), onsager.kaufman_energy(L, T), atol=1e-6, rtol=0)
    T = torch.tensor([0.5, 1.0, 2.0, 2.2, 3.0], dtype=torch.float64)
    found = page.ask("given.map(live.exactMagnetisation)", T.tolist())
    expected = (1 - torch.sinh(2 / T) ** -4).clamp(min=0) ** 0.125  # Yang's, of the infinite lattice
    torch.testing.assert_close(torch.tensor(found).double(), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("moves", ["heatBath", "clusters"])
@pytest.mark.parametrize("field", [0.0, 0.15])
def test_the_chains_have_the_right_distribution(moves, field, bench):
    """A small lattice, within five standard errors of the sum over its states."""
    page = bench("energy")
    blocks = page.ask(
        """(() => { const lattice = new live.Lattice(4, genbook.chance(3)), blocks = [];
             for (let k = 0; k < 200; k++) lattice[given[0]](2.5, given[1]);
             for (let b = 0; b < 200; b++) { let [e, m] = [0, 0];
               for (let k = 0; k < 500; k++) {
                 lattice[given[0]](2.5, given[1]); e += lattice.energy; m += lattice.magnetisation; }
               blocks.push([e / 500, m / 500]); }
             return blocks; })()""",
        [moves, field],
    )
    blocks = torch.tensor(blocks)
    spins = ising.configurations(4)
    p = (-ising.energy(spins, field=field) / 2.5).softmax(0)
    exact = torch.stack([(p * ising.energy(spins)).sum() / 16, (p * ising.magnetisation(spins)).sum()])
    stderr = blocks.std(0) / len(blocks) ** 0.5
    assert ((blocks.mean(0) - exact).abs() < 5 * stderr).all() and stderr.max() < 0.02


def test_a_cold_heat_bath_keeps_its_phase_and_clusters_do_not(bench):
    page = bench("energy")
    signs = page.ask(
        """["heatBath", "clusters"].map(moves => { const lattice = new live.Lattice(16, genbook.chance(1));
             lattice.s.fill(1);
             return Array.from({length: 300}, () => {
               lattice[moves](1.5, 0); return Math.sign(lattice.magnetisation); }); })"""
    )
    assert set(signs[0]) == {1} and 100 < signs[1].count(1) < 200


def test_the_numbers_follow_the_controls(bench):
    page = bench("energy").page
    numbers = page.locator(".explorable-numbers")
    page.get_by_label("Lattice", exact=True).select_option("4")
    page.get_by_role("slider", name="Temperature T").press("ArrowRight")
    assert f"{onsager.kaufman_energy(4, 1.51):.4f}".replace("-", "−") in numbers.inner_text()
    for _ in range(3):
        page.get_by_role("button", name="One step").click()
    assert numbers.inner_text().split()[-1] == "24"
    page.wait_for_function("document.querySelector('.explorable-voice').textContent.includes('1.51')")


def test_a_frozen_lattice_stays_in_the_wrong_field_until_clusters_are_turned(bench):
    """As the caption says."""
    found = bench("energy").ask(
        """["heatBath", "clusters"].map(moves => { const lattice = new live.Lattice(64, genbook.chance(6));
             lattice.s.fill(1);
             for (let k = 0; k < 500; k++) lattice[moves](1.5, -0.05);
             return lattice.magnetisation; })"""
    )
    assert found[0] > 0.9 and found[1] < -0.9
