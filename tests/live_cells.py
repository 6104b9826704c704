"""What the lecture plan asks the lecturer to change in cells while the students watch, and what is then to be seen.

One entry for each *run live* of the plan, in its order. `test_live_cells.py` makes the change and runs the cell, with
those cells before it that define what it uses; of entries without a change, that the cell is there (the book ran it).
"""

from typing import NamedTuple


class Live(NamedTuple):
    """A cell that is run before the students.

    Attributes:
        chapter: Its chapter.
        plan: Words that follow *run live* in the plan.
        cell: Text by which the cell is known; it stands in no other cell.
        change: Pairs of a text and what is written in its place, everywhere in the cell.
        then: Code that runs after the cell: what the lecturer adds, and assertions of what is to be seen.
        fails: What the message of the failed check has to say, where the change makes one fail.
        brief: Pairs like those of `change`, in the cells before it too, so that a test takes a second.
    """

    chapter: str
    plan: str
    cell: str
    change: tuple = ()
    then: str = ""
    fails: str = ""
    brief: tuple = ()


LIVE = (
    Live(
        "energy_models",
        "raise the range by two units",
        "timeit.repeat(",
        change=(("range(8, 21)", "range(8, 23)"),),
        then="assert len(seconds) == 15 and seconds[-1] > seconds[-3]",
        brief=(("best_of = 20 if M < 16 else 2", "best_of = 1"),),
    ),
    Live(
        "energy_models",
        "the check of the gradient",
        "positive - N * negative",
        change=(("N * negative", "negative"),),
        fails="eq:gradient-log-likelihood",
    ),
    Live("energy_models", "the cell that draws the samples", "drawn = pixels.sample(fitted, 10"),
    Live("energy_models", "the cell that builds the kernels", "kernels = exact.single_site_kernels(log_p)"),
    Live(
        "energy_models",
        "in the cell above the figure write 100",
        '"10 sweeps from random": [chain_average(q, B, 10)',
        change=(("chain_average(q, B, 10)", "chain_average(q, B, 100)"),),
        then="""
at = [g.abs().argmin().item() for g in (gradients["exact"], gradients["10 sweeps from random"])]
assert abs(models[at[0]] - 0.1) < 0.02 and abs(models[at[1]] - models[at[0]]) < 0.06""",
    ),
    Live(
        "boltzmann_machines",
        "the training on bars and stripes with 500 steps",
        "for _ in range(5000)",
        change=(("range(5000)", "range(500)"),),
        then="assert max(learnt_bars.values()) < -5",
    ),
    Live(
        "boltzmann_machines",
        "with another seed in place of 15",
        "torch.Generator().manual_seed(15)",
        change=(("manual_seed(15)", "manual_seed(16)"),),
        then="assert torch.equal(trials[0][:, :392], x_test[:8, :392]) and not torch.equal(trials[0], trials[1])",
        brief=(("clamped, 200, chance", "clamped, 20, chance"),),
    ),
    Live(
        "deep_energy_models",
        "the three lines that find the force",
        "multinomial(p_well, 5000,",
        change=(("5000", "50"),),
        then="assert len(positions) == 50 and theta[0] < 0 < theta[1]",
    ),
    Live(
        "deep_energy_models",
        "the fit of the 4 x 4 lattice",
        "s = lattice_samples(3.0, 4000)",
        change=(("3.0", "1.8"),),
        then="print(coupling.std())\nassert coupling.std() > 0.1",
    ),
    Live(
        "deep_energy_models",
        "write `0.3 * torch.randn`",
        "parameters = torch.zeros(3, requires_grad=True)",
        change=(
            ("noise = torch.randn(20_000", "noise = 0.3 * torch.randn(20_000"),
            ("Normal(0.0, 1.0)", "Normal(0.0, 0.3)"),
        ),
        then="assert found",
        fails="theta_2",
    ),
    Live(
        "deep_energy_models",
        "the double well with the step 0.02",
        "double_well, corrected, 0.12",
        change=(("0.12", "0.02"),),
        then='assert abs(torch.stack(seen["plain"][100:]).mean() - exact_square) < 0.02',
    ),
    Live(
        "variational_autoencoders",
        "it takes some ten seconds. Then write `return -misfit.sum(1)`",
        "def evidence_bound(x, epsilon):",
        change=(("return -misfit.sum(1) - kl.sum(1)", "return -misfit.sum(1)"),),
        then="assert losses[-1] < 120",
        brief=(("range(600)", "range(250)"),),
    ),
    Live("variational_autoencoders", "the cell with the gradient 0.0", "gradient of the mean of h^2 by drawing"),
    Live(
        "variational_autoencoders",
        "in the first cell write `misfit.mean(1)`",
        "def evidence_bound(x, epsilon):",
        change=(("misfit.sum(1)", "misfit.mean(1)"),),
        then="""
print(losses[::100])
assert losses[-1] < losses[0] < 2
spread = decoder(torch.randn(24, 20, generator=chance, dtype=torch.float32)).sigmoid().std(0).max()
assert spread < 0.1""",
        brief=(("range(600)", "range(150)"),),
    ),
    Live(
        "adversarial_networks",
        "write 300 turns in place of 600",
        "for turn in range(600):",
        change=(("range(600)", "range(300)"),),
        then="assert drawn.shape == (4000, 1) and abs(drawn.mean() - 3) < 1",
    ),
    Live(
        "adversarial_networks",
        "the ascent on the grid",
        "p, q = normal(x), normal(x, 1.0)",
        change=(("normal(x, 1.0)", "normal(x, 0.0, 2.0)"),),
    ),
    Live(
        "adversarial_networks",
        "write −0.5 for 0.9 in the second pair",
        "for momentum, eta in ((0.0, 0.1), (0.9, 0.1)",
        change=(
            ("(0.9, 0.1)", "(-0.5, 0.1)"),
            ("print(", "found = globals().setdefault('all_found', []); found.append(largest); print("),
        ),
        then="assert all_found[1] < 0.999 < all_found[0]",
    ),
    Live(
        "adversarial_networks",
        "with `r1_loss(3.0)`",
        '"with $R_1$": play(g_loss, r1_loss(0.3)',
        change=(("r1_loss(0.3)", "r1_loss(3.0)"),),
        then='assert len(games["with $R_1$"]) == len(games["alternating"])',
    ),
    Live("first_gan", "the lecture's version, whose second layer does not fit", "as_printed, width"),
    Live("first_gan", "the cell with the six logits", "[-60.0, -40.0, -30.0, -20.0"),
    Live("first_gan", "it takes a quarter of a minute", "for epoch in tqdm(range(1, 61)"),
    Live(
        "first_gan",
        "with `betas=(0.5, 0.999)`",
        "for epoch in tqdm(range(1, 61)",
        change=((".parameters(), fused=True)", ".parameters(), betas=(0.5, 0.999), fused=True)"),),
        then="assert columns.isfinite().all() and g_optimiser.defaults['betas'] == (0.5, 0.999)",
        brief=(("range(1, 61)", "range(1, 2)"),),
    ),
    Live("scores", "the black images", '("black images", black)'),
    Live(
        "scores",
        "in an empty cell `scores.frechet2(draw(100), draw(100))`",
        "several = lambda n, r:",
        then="assert scores.frechet2(draw(100), draw(100)) > 5 * scores.frechet2(draw(1000), draw(1000))",
        change=(("(40, 40, 20, 10)", "(40, 40, 20, 10)"),),
        brief=(("(40, 40, 20, 10)", "(1, 1, 1, 1)"), ("4000, 10_000]", "1000, 1000]")),
    ),
    Live(
        "scores",
        "the judge; write 3.0 for the temperature 2.6",
        "class Judge(nn.Module):",
        change=(("2.6", "3.0"),),
        then="print(auc)\nassert auc > 0.65",
    ),
    Live(
        "diffusion_models",
        "with 3 000 steps of training",
        "for i in range(1500):",
        change=(("1500", "3000"),),
        then="assert len(first_losses) == 600 and 0.15 < sum(first_losses[-100:]) / 100 < 0.4",
        brief=(("3000", "600"),),
    ),
    Live(
        "diffusion_models",
        "turn the sign of `noise`",
        "def draw_points(predict, x, chance):",
        change=(("noise = predict(", "noise = -predict("),),
        then="assert drawn_points.norm(dim=1).mean() > 3",
        brief=(("range(1500)", "range(200)"), ("(2000, 2,", "(200, 2,")),
    ),
    Live(
        "diffusion_models",
        "with 100 usual steps",
        "short = diffusion.linear_schedule(200)",
        change=(("linear_schedule(200)", "linear_schedule(100)"),),
        then="assert short.alpha_bar[-1] > 0.05 and caught",
    ),
    Live(
        "diffusion_sampling",
        r"`guided_law` with a $\zeta$ of their choice",
        "def guided_law(gamma, zeta",
        change=(("(0.0, 1.0, 10.0)", "(0.0, 3.0, 30.0)"),),
        then="assert guided_law(4.0, 0.0)[1] < guided_law(4.0, 3.0)[1] < guided_law(4.0, 30.0)[1] < tilted_law(4.0)[1]",
    ),
    Live(
        "diffusion_at_work",
        "`fit_spins` with 100 steps",
        "def fit_spins(seed, steps=600",
        change=(("steps=600", "steps=100"),),
        then="assert spin_losses[-1] < spin_losses[0] and sum(spin_losses[-20:]) / 20 < 0.6",
    ),
    Live(
        "flows",
        "write `0.3 * z[:, 0] ** 2`",
        "def log_banana(x):",
        change=(("+ z[:, 0] ** 2", "+ 0.3 * z[:, 0] ** 2"), ("- x[:, 0] ** 2", "- 0.3 * x[:, 0] ** 2")),
        then="""
wide = torch.cartesian_prod(torch.linspace(-7, 7, 281), torch.linspace(-6, 54, 1201))
assert abs(log_banana(wide).exp().sum() * (0.05 * 0.05) - 1) < 1e-6""",
    ),
    Live("flows", "`match`", "def match(pairs, steps=1500"),
    Live("flows", "the cell that compares both codes", "def velocity_of(network, x, t, labels):"),
    Live(
        "lattice_fields",
        "in an empty cell",
        "def leapfrog(phi, pi, kappa, eps, steps):",
        change=(("def leapfrog", "def leapfrog"),),
        then="""
near = phi4.sample(100, 8, 0.32, lam, rng=rng, trajectories=10)
pi = torch.randn(near.shape, generator=rng)
end, pi_end = leapfrog(near, pi, 0.32, 0.4, 3)
share = (energy(near, pi, 0.32) - energy(end, pi_end, 0.32)).exp().clamp(max=1).mean()
print(share)
assert 0.05 < share < 0.97""",
    ),
    Live(
        "one_lattice",
        "the class with `tril(0)`",
        "class Autoregressive(nn.Module):",
        change=((".tril(-1)", ".tril(0)"),),
        then="""
sees_itself = Autoregressive(3, 2, rng=torch.Generator().manual_seed(5))
total = sees_itself.log_prob(ising.configurations(3).float()).exp().sum()
print(total)
assert abs(total - 1) > 1e-3""",
    ),
)
