"""One lattice, all models: exact references and draws, normalised networks, a study that goes on where it was."""

import json
import math

import pytest
import torch

from genphys import train
from genphys.exact import all_configurations
from genphys.exact.estimates import mean_and_error
from genphys.numerics import tensor_hash
from genphys.systems import ising, onsager
from genphys.train import load_study, one_lattice
from genphys.train.one_lattice import judge, models, runs

T = 2.5


def boltzmann(L):
    spins = ising.configurations(L)
    return spins, (-ising.energy(spins) / T).softmax(0)


def test_the_two_point_function_is_that_of_all_states():
    spins, p = boltzmann(4)
    expected = torch.stack([p @ (spins * spins.roll(-r, axis)).mean((1, 2)) for axis in (1, 2) for r in range(4)])
    torch.testing.assert_close(one_lattice.two_point(4, T).repeat(2), expected, rtol=0, atol=1e-12)


def test_two_ways_to_the_nearest_neighbours_agree():
    for L in (5, 8):
        u = onsager.kaufman_energy(L, T)
        torch.testing.assert_close(one_lattice.two_point(L, T)[1], -u / 2, rtol=0, atol=1e-10)


def test_exact_draws_have_the_exact_averages():
    """Eight observables of 4 000 draws of 8 x 8 spins, within four standard errors; and chi squared of batches."""
    spins = one_lattice.exact_draws(8, T, 4000, seed=4)
    found = mean_and_error(one_lattice.measure(spins))
    expected = one_lattice.exact_averages(8, T)
    assert ((found.value - expected).abs() < 4 * found.stderr).all()
    chi2 = [one_lattice.judge_samples(piece, T, points=20)["chi2"] for piece in spins.split(200)]
    assert abs(sum(chi2) / 20 - 8) < 4 * 4 / 20**0.5


def test_a_network_of_any_weights_is_normalised_and_draws_what_it_says():
    network = one_lattice.Autoregressive(3, 4, rng=torch.Generator().manual_seed(2)).double()
    network.requires_grad_(False)
    states = all_configurations(9, values=(-1, 1)).view(-1, 3, 3)
    q = network.log_prob(states).exp()
    assert abs(q.sum().item() - 1) < 1e-6
    drawn = network.float().draw(20_000, rng=torch.Generator().manual_seed(3)).double().flatten(1)
    assert ((drawn.mean(0) - q @ states.flatten(1)).abs() < 5 / 20_000**0.5).all()


def test_nats_are_the_divergence_whatever_the_constant():
    spins, p = boltzmann(4)
    log_f = 0.3 * spins.mean((1, 2)) + (-ising.energy(spins) / 2.7) + 5
    kl = p @ (p.log() - log_f.log_softmax(0))
    rows = torch.multinomial(p, 20_000, replacement=True, generator=torch.Generator().manual_seed(1))
    found = one_lattice.nats_above(p.log()[rows], log_f[rows])
    assert abs(found.value - kl) < 4 * found.stderr
    known = one_lattice.nats_above(p.log()[rows], log_f.log_softmax(0)[rows], normalised=True)
    assert abs(known.value - kl) < 4 * known.stderr
    assert abs(found.log_constant - log_f.logsumexp(0)) < 0.05


@pytest.mark.parametrize("name", one_lattice.MODELS)
def test_each_model_is_trained_drawn_from_and_judged(name):
    x = one_lattice.exact_draws(8, T, 200, seed=1)
    fitted = one_lattice.fit_model(name, x, seed=1, steps=64)
    row, spins = judge.judge(fitted, 8, T, draws=40, seed=1)
    assert spins.shape == (40, 8, 8) and ((spins == 1) | (spins == -1)).all()
    assert all(math.isfinite(row[key]) for key in ("u", "chi2", "nn", "mmd2", "seconds", "draw_seconds"))
    assert ("nats" in row) == (name in ("independent", "pairwise", "rbm", "autoregressive"))
    again = one_lattice.fit_model(name, x, seed=1, steps=64)
    torch.testing.assert_close(again.draw(5, torch.Generator()), fitted.draw(5, torch.Generator()))


def test_a_study_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "MODELS", {"independent": "independent spins"})
    asked = []

    def once(name, L, temperature, seed, steps=None):
        asked.append((name, temperature))
        return {"u": 1.0}, torch.ones(2, L, L), None

    monkeypatch.setattr(runs, "_run", once)
    first = one_lattice.study_one_lattice(tmp_path, seeds=1, large_seeds=0)
    (tmp_path / "independent-8-3-1.json").unlink()
    second = one_lattice.study_one_lattice(tmp_path, seeds=1, large_seeds=0)
    assert first["runs"] == second["runs"] and asked[6:] == [("independent", "3")]
    assert one_lattice.one_lattice_samples(tmp_path)["exact-8-2"].shape == (2, 8, 8)


def test_the_shipped_study_is_that_of_the_code():
    found = load_study("one_lattice")
    assert found["command"] == "python -m genphys.train study one_lattice"
    assert found["settings"]["steps"] == models.STEPS and found["models"] == one_lattice.MODELS
    assert json.dumps(found["runs"])
    seen = {(run["model"], run["temperature"]) for run in found["runs"] if run["L"] == 8}
    assert seen == {(m, t) for m in ("exact", *one_lattice.MODELS) for t in one_lattice.TEMPERATURES}


TRAINED = [name for name in one_lattice.MODELS if name != "independent"]


@pytest.mark.parametrize("temperature", one_lattice.TEMPERATURES)
@pytest.mark.parametrize("name", TRAINED)
def test_a_shipped_model_is_the_first_run_of_the_study(name, temperature):
    """Nats on the same held-out draws where it has any; a bound within its error; else the energy of its draws."""
    fitted, record = train.load_one_lattice(name, temperature)
    at = one_lattice.TEMPERATURES[temperature]
    wanted = {"model": name, "L": 8, "temperature": temperature, "seed": 1}
    (stored,) = (run for run in load_study("one_lattice")["runs"] if wanted.items() <= run.items())
    x = judge.test_draws(8, at)
    log_p = judge.log_probability(x, 8, at)
    if fitted.log_f is not None:
        nats = one_lattice.nats_above(log_p, fitted.log_f(x).double(), normalised=fitted.normalised)
        assert abs(nats.value.item() - stored["nats"]) < 1e-3
    elif fitted.bound is not None:
        above = log_p[:1000] - fitted.bound(x[:1000], torch.Generator().manual_seed(5)).double()
        assert abs(above.mean().item() - stored["nats_at_most"]) < stored["nats_error"]
    else:
        spins = fitted.draw(1000, torch.Generator().manual_seed(10_001))
        assert abs(one_lattice.measure(spins)[:, 0].mean().item() - stored["u"]) < 0.01
    assert fitted.parameters == stored["parameters"] and fitted.seconds > 0
    assert record["data"][temperature]["name"] == f"exact_draws(8, {at!r}, 10000, seed=1)"
    assert record["settings"]["steps"] == models.STEPS.get(name) and record["settings"]["seed"] == 1


def test_a_training_once_more_gives_the_shipped_weights():
    """The cheapest one: the pairwise machine, which no chance enters."""
    x = one_lattice.exact_draws(8, 3.0, 10_000, seed=1)
    again, (shipped, _) = one_lattice.fit_model("pairwise", x, seed=1), train.load_one_lattice("pairwise", "3")
    few = x[:200]
    torch.testing.assert_close(again.log_f(few), shipped.log_f(few), rtol=0, atol=1e-2)
    rng = [torch.Generator().manual_seed(1) for _ in range(2)]
    same = (again.draw(50, rng[0]) == shipped.draw(50, rng[1])).double().mean()
    assert same > 0.9
    other, _ = train.load_one_lattice("pairwise", "T_c")
    assert (other.log_f(few) - shipped.log_f(few)).abs().max() > 1


def test_a_study_keeps_the_weights_of_its_first_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "MODELS", {"autoregressive": "autoregressive network"})
    monkeypatch.setattr(runs, "TEMPERATURES", {"3": 3.0})
    monkeypatch.setattr(runs, "TRAINING", 200)
    monkeypatch.setattr(runs, "judge", lambda fitted, *a, **b: ({"seconds": 2.0, "nats": 0.5}, torch.ones(2, 8, 8)))
    monkeypatch.setitem(models.STEPS, "autoregressive", 20)
    one_lattice.study_one_lattice(tmp_path, seeds=2, large_seeds=0)
    fitted, record = train.load_one_lattice("autoregressive", "3", tmp_path)
    x = one_lattice.exact_draws(8, 3.0, 200, seed=1)
    again = one_lattice.fit_model("autoregressive", x, seed=1, steps=20)
    torch.testing.assert_close(fitted.log_f(x), again.log_f(x))
    assert record["evaluation"] == {"3": {"seconds": 2.0, "nats": 0.5}} and fitted.seconds == 2.0
    assert record["data"]["3"]["sha256"] == tensor_hash(x)
