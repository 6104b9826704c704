"""The Boltzmann machine in the page: free energy and fields of the shipped one, and the half that is given stays."""

import explorables
import torch

from genphys import rbm, train


def test_fields_and_free_energy_agree_with_pytorch(bench):
    tensors, record = train.load_weights("rbm")
    machine = rbm.BernoulliRBM(784, 500, rng=torch.Generator()).double()
    machine.load_state_dict(tensors)
    page = bench("boltzmann")
    x = torch.stack([torch.tensor(page.ask("[...live.pad.image]")).round(), torch.zeros(784)]).double()
    h = (torch.rand(500, generator=torch.Generator().manual_seed(1)) < 0.3).double()
    for row, expected in zip(x, machine.free_energy(x), strict=True):
        found = page.ask("live.freeEnergy(new Float32Array(given))", row.tolist())
        assert abs(found - expected.item()) < 1e-4 * max(1.0, abs(expected.item()) / 10)
        field = torch.tensor(page.ask("[...live.hiddenField(new Float32Array(given))]", row.tolist())).double()
        torch.testing.assert_close(field, machine.hidden_field(row[None])[0].detach(), atol=1e-4, rtol=0)
    p = torch.tensor(page.ask("[...live.visibleField(new Float32Array(given))]", h.tolist())).double().sigmoid()
    torch.testing.assert_close(p, machine.visible_probability(h[None])[0].detach(), atol=1e-4, rtol=0)
    script = (explorables.HERE / "boltzmann" / "script.js").read_text("utf8")
    assert f"LOG_Z = {record['metrics']['log_z']:.3f}" in script


def test_what_is_given_stays_and_the_rest_becomes_a_stroke(bench):
    page = bench("boltzmann")
    given, state = page.ask(
        "(() => { for (let k = 0; k < 100; k++) live.step(); return [[...live.pad.image], [...live.x]]; })()"
    )
    given, state = torch.tensor(given).round(), torch.tensor(state)
    assert torch.equal(given[:392], state[:392])
    assert 20 < state[392:].sum() < 120, "as much ink as half a digit has"


def test_a_scribble_has_a_higher_free_energy_than_a_digit(bench):
    """Of about as much ink, by tens of nats, as the caption says."""
    digits, scribbles = bench("boltzmann").ask(
        """[genbook.digits().filter((_, d) => d !== 1).map(x => live.freeEnergy(x.map(v => v > 0.5 ? 1 : 0))),
            (chance => Array.from({length: 20}, () => { const x = new Float32Array(784);
              let [a, b, turn] = [14, 14, 6 * chance.uniform()];
              for (let k = 0; x.reduce((m, n) => m + n, 0) < 100; k++) { turn += 0.9 * (chance.uniform() - 0.5);
                a = Math.max(5, Math.min(22, a + 0.7 * Math.cos(turn)));
                b = Math.max(5, Math.min(22, b + 0.7 * Math.sin(turn)));
                for (const [i, j] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
                  x[28 * Math.floor(a + i) + Math.floor(b + j)] = 1; } }
              return live.freeEnergy(x); }))(genbook.chance(3))]"""
    )
    difference = torch.tensor(scribbles).mean() - torch.tensor(digits).mean()
    assert 30 < difference < 120
