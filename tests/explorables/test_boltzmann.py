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
