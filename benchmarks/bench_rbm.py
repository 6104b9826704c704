"""Speed of a PCD-1 step of a 784-500 machine with batches of 100: `python benchmarks/bench_rbm.py`.

The contenders take turns, many times over, so that a busy machine slows all of them alike. The table shows the median
turn of each and that of the ratio within a turn.
"""

import time

import results
import torch

from genphys import rbm
from genphys.train.loop import keep_freed_memory
from genphys.train.rbm import half_step

VISIBLE, HIDDEN, BATCH = 784, 500, 100


def matrix_products(x):
    """The five products that a step cannot do without."""
    w, h = 0.01 * torch.randn(VISIBLE, HIDDEN), torch.rand(BATCH, HIDDEN)

    def step():
        x @ w
        h @ w.T
        x @ w
        x.T @ h
        x.T @ h

    return step


def closed_form(x):
    """The package's own step."""
    rng = torch.Generator().manual_seed(0)
    model = rbm.BernoulliRBM(VISIBLE, HIDDEN, rng=rng)
    chains = rbm.persistent_chains(model, BATCH, rng=rng)

    def endless():
        while True:
            yield x

    steps = rbm.contrastive_divergence(model, endless(), chains, learning_rate=0.01, rng=rng)
    return lambda: next(steps)


def in_half(x):
    """The step of the training, `--precision bfloat16`."""
    rng = torch.Generator().manual_seed(0)
    model = rbm.BernoulliRBM(VISIBLE, HIDDEN, rng=rng)
    chains = rbm.persistent_chains(model, BATCH, rng=rng)
    return lambda: half_step(model, x, chains, k=1, learning_rate=0.01, weight_decay=0.0, rng=rng)


def autograd(x):
    """The same update as the gradient of a difference of free energies, as it is commonly written."""
    model = rbm.BernoulliRBM(VISIBLE, HIDDEN, rng=torch.Generator().manual_seed(0))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    chain = x.clone()

    def free_energy(v):
        field = v @ model.weight + model.hidden_bias
        return -(v @ model.visible_bias) - torch.nn.functional.softplus(field).sum(1)

    def step():
        nonlocal chain
        with torch.no_grad():
            h = torch.bernoulli(torch.sigmoid(chain @ model.weight + model.hidden_bias))
            chain = torch.bernoulli(torch.sigmoid(h @ model.weight.T + model.visible_bias))
        optimiser.zero_grad()
        (free_energy(x).mean() - free_energy(chain).mean()).backward()
        optimiser.step()

    return step


def scikit_learn(x):
    """One call of partial_fit, which is a PCD-1 step."""
    from sklearn.neural_network import BernoulliRBM

    model = BernoulliRBM(HIDDEN, learning_rate=0.01, batch_size=BATCH, random_state=0)
    batch = x.numpy()
    return lambda: model.partial_fit(batch)


def main(turns=60, steps=10):
    keep_freed_memory()  # as every training does
    x = (torch.rand(BATCH, VISIBLE, generator=torch.Generator().manual_seed(1)) < 0.2).float()
    contenders = {
        "five matrix products": matrix_products(x),
        "genphys, PCD-1 centred": closed_form(x),
        "the same in bfloat16": in_half(x),
        "scikit-learn, partial_fit": scikit_learn(x),
        "autograd through F": autograd(x),
    }
    times = {name: [] for name in contenders}
    for _ in range(turns):
        for name, step in contenders.items():
            start = time.perf_counter()
            for _ in range(steps):
                step()
            times[name].append(1e3 * (time.perf_counter() - start) / steps)
    ours = times.pop("genphys, PCD-1 centred")
    what = f"PCD-1 step, {VISIBLE} x {HIDDEN}, batches of {BATCH}"
    half = times.pop("the same in bfloat16")
    rows = [results.row(what, "ms", ours, name, theirs) for name, theirs in times.items()]
    beside = {"five matrix products in float32": times["five matrix products"], "the step in float32": ours}
    rows += [results.row(f"{what}, bfloat16", "ms", half, name, theirs) for name, theirs in beside.items()]
    results.show(rows)
    results.write("rbm", rows)


if __name__ == "__main__":
    main()
