"""The flows of the lattice field, its long chains, and the density of the diffusion model."""

import math

import pytest
import torch

from genphys import diffusion, flows, train
from genphys.exact.estimates import binder_cumulant, mean_and_error
from genphys.systems import phi4
from genphys.train.program import main

SETTINGS = {"steps": 4, "batch": 8, "learning_rate": 1e-3, "seed": 1}


def test_an_interrupted_training_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    whole, record = train.train_lattice_flow("critical", tmp_path / "whole", **SETTINGS)
    calls, action = [0], phi4.action

    def stops_in_the_third_step(*arguments):
        calls[0] += 1
        if calls[0] == 3:
            raise RuntimeError("power cut")
        return action(*arguments)

    monkeypatch.setattr(phi4, "action", stops_in_the_third_step)
    with pytest.raises(RuntimeError, match="power cut"):
        train.train_lattice_flow("critical", tmp_path / "cut", every=0.0, **SETTINGS)
    monkeypatch.undo()
    resumed, _ = train.train_lattice_flow("critical", tmp_path / "cut", **SETTINGS)
    assert record["step"] == 4
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_command_writes_weights_and_what_they_are_worth(tmp_path):
    main(["lattice", "broken", "--folder", str(tmp_path), "--steps", "2", "--batch", "8"])
    flow, record = train.load_lattice_flow("broken", tmp_path)
    assert record["kappa"] == 0.4 and not flow.even
    assert record["evaluation"] == train.evaluate_lattice_flow(flow, 0.4, seed=2) | {
        "seconds": record["evaluation"]["seconds"]
    }


@pytest.mark.parametrize("run", ["symmetric", "critical", "broken"])
def test_the_shipped_flows_are_worth_what_their_records_say(run):
    flow, record = train.load_lattice_flow(run)
    found = train.evaluate_lattice_flow(flow, record["kappa"], samples=4000, seed=5)
    shipped = record["evaluation"]
    assert abs(found["accepted"] - shipped["accepted"]) < 0.06
    for name in ("log_z", "chi"):
        assert abs(found[name][0] - shipped[name][0]) < 5 * math.hypot(found[name][1], shipped[name][1])


def test_long_chains_agree_with_independent_ones():
    found = train.long_chains(4, 0.3, trajectories=400, seed=3)
    phi = phi4.sample(4000, 4, 0.3, 0.5, rng=torch.Generator().manual_seed(4))
    m = phi4.magnetisation(phi)
    for name, other in (("chi", mean_and_error(16 * m.square())), ("binder", binder_cumulant(m))):
        assert abs(found[name][0] - other.value) < 4 * math.hypot(found[name][1], other.stderr)
    assert found["tau"] > 1 and 0.8 < found["accepted"] <= 1


class Ripple(torch.nn.Module):
    def forward(self, x, t):
        return 0.5 * torch.sin(x.flip(3)) - 0.2 * x * (1 + t[:, None, None, None] / 1000)


def test_the_density_of_a_solver_is_that_of_its_jacobian():
    schedule = diffusion.cosine_schedule(1000)
    z = torch.randn(3, 1, 2, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    _, log_q = train.draw_with_density(Ripple(), schedule, z, steps=3)
    steps = 1e-6 * torch.eye(4, dtype=torch.float64).view(4, 1, 2, 2)
    ends = [train.draw_with_density(Ripple(), schedule, z + sign * e, steps=3)[0] for sign in (1, -1) for e in steps]
    jacobian = ((torch.stack(ends[:4]) - torch.stack(ends[4:])) / 2e-6).flatten(2).permute(1, 2, 0)
    exact = -z.square().sum((1, 2, 3)) / 2 - 2 * math.log(2 * math.pi) - torch.linalg.slogdet(jacobian)[1]
    torch.testing.assert_close(log_q, exact, atol=1e-6, rtol=0)


def test_the_shipped_studies_are_complete():
    chains = train.load_study("phi4_chains")
    assert {(run["L"], run["seed"]) for run in chains["runs"]} == {(L, s) for L in (4, 8, 12, 16) for s in (1, 2, 3)}
    weights = train.load_study("phi4_weights")
    assert len(weights["log_weight"]) == weights["samples"] == len(weights["magnetisation"])
    assert flows.effective_share(torch.tensor(weights["log_weight"])) > 0.02
