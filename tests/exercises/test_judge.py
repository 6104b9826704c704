"""Exercises judge an answer by what it does: right ones in any form, wrong ones by the hint that names the slip."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats

from genphys import check
from genphys.exercises.judge import Exercise, exercises, judge

D = torch.float64


def by_differentiation(energies, T):
    """The second derivative of log Z in the inverse temperature."""
    beta = torch.tensor(1 / T, dtype=D, requires_grad=True)
    (mean,) = torch.autograd.grad((-beta * energies).logsumexp(0), beta, create_graph=True)
    return torch.autograd.grad(mean, beta)[0] / T**2


def by_conditionals(spins, coupling, field):
    """Each unit by the two weights of the configurations that compete."""
    total = 0.0
    for i in range(spins.shape[1]):
        other = spins.clone()
        other[:, i] *= -1
        log_f = [s @ field + 0.5 * torch.einsum("ni,ij,nj->n", s, coupling, s) for s in (spins, other)]
        total = total + torch.stack(log_f).log_softmax(0)[0].mean()
    return total


def by_each_gradient(critic, real, fake, u):
    """The penalty with the gradient of one point after the other."""
    found = []
    for x, y, share in zip(real, fake, u, strict=True):
        point = torch.lerp(y, x, share).requires_grad_()
        (slope,) = torch.autograd.grad(critic(point[None])[0], point)
        found.append((torch.linalg.vector_norm(slope) - 1) ** 2)
    return torch.stack(found).mean()


def by_descent(w, real, fake, learning_rate):
    """A step of PyTorch's own optimiser on PyTorch's own loss."""
    w = w.clone().requires_grad_()
    loss = torch.nn.BCEWithLogitsLoss()
    on_real, on_fake = real @ w, fake @ w
    (loss(on_real, torch.ones_like(on_real)) + loss(on_fake, torch.zeros_like(on_fake))).backward()
    torch.optim.SGD([w], learning_rate).step()
    return w


def by_one_coordinate_at_a_time(x, s, b):
    """Each coordinate by its normal density, of mean b and standard deviation exp(s) where it was moved."""
    k = s.shape[1]
    first = torch.distributions.Normal(0.0, 1.0).log_prob(x[:, :k])
    return (first + torch.distributions.Normal(b, s.exp()).log_prob(x[:, k:])).sum(1)


def by_joined_half_steps(phi, pi, gradient, eps, steps):
    """Half a step of the momenta, whole steps in turn, and half a step back."""
    pi = pi - 0.5 * eps * gradient(phi)
    for _ in range(steps):
        phi = phi + eps * pi
        pi = pi - eps * gradient(phi)
    return torch.stack([phi, pi + 0.5 * eps * gradient(phi)])


def by_plain_sums(a, log_w):
    """Weights over their largest, and sums over them."""
    w = torch.exp(log_w - log_w.max())
    mean = torch.sum(w * a) / torch.sum(w)
    return [mean, torch.sqrt(torch.sum((w * (a - mean)) ** 2)) / torch.sum(w)]


def by_pairs(x1, z, t, velocity):
    """Each pair by itself, with a place between its ends."""
    places = torch.lerp(z, x1, t)
    return sum((velocity(p[None], r[None]) - (b - a)).norm() ** 2 for p, r, a, b in zip(places, t, z, x1)) / len(z)


def by_two_weights(x, w, b, u):
    """Each unit by the weights of the two configurations that compete; the field is never formed."""
    x = x.clone()
    for i in range(x.shape[1]):
        log_f = []
        for value in (0.0, 1.0):
            x[:, i] = value
            log_f.append(x @ b + 0.5 * torch.einsum("ni,ij,nj->n", x, w, x))
        x[:, i] = (u[:, i] < torch.stack(log_f).softmax(0)[1]).to(x.dtype)
    return x


def by_visible_configurations(W, a, b):
    """log Z by summing out the hidden layer first."""
    log_f = [0.0 * a.sum()]  # the empty configuration and, unit by unit, the others
    fields = [b]
    for i in range(len(a)):
        log_f += [term + a[i] for term in log_f]
        fields += [field + W[i] for field in fields]
    terms = [t + torch.logaddexp(f, torch.zeros_like(f)).sum() for t, f in zip(log_f, fields, strict=True)]
    return torch.stack(terms).logsumexp(0)


def by_pairs_of_units(W, a, b, x, u, v):
    """The CD-1 direction with an image at a time, and each entry by itself."""
    total = torch.zeros_like(W)
    for image, coin_h, coin_x in zip(x, u, v, strict=True):
        p = [1 / (1 + math.exp(-(b[j] + image @ W[:, j]))) for j in range(len(b))]
        h = [float(coin_h[j] < p[j]) for j in range(len(b))]
        field = [float(a[i]) + sum(float(W[i, j]) * h[j] for j in range(len(b))) for i in range(len(a))]
        y = torch.tensor([float(coin_x[i] < 1 / (1 + math.exp(-field[i]))) for i in range(len(a))], dtype=D)
        for i in range(len(a)):
            for j in range(len(b)):
                total[i, j] += image[i] * p[j] - y[i] / (1 + math.exp(-(b[j] + y @ W[:, j])))
    return total / len(x)


def by_each_point(predict, x0, t, noise, alpha_bar):
    """The loss one point after the other, with the angle that signal and noise make."""
    found = []
    for point, step, eps in zip(x0, t, noise, strict=True):
        angle = alpha_bar[step].sqrt().acos()
        x_t = point * angle.cos() + eps * angle.sin()
        found.append(torch.nn.functional.mse_loss(predict(x_t[None], step[None])[0], eps))
    return torch.stack(found).mean()


def by_posterior(x, noise, beta_t, alpha_bar_t, z):
    """The mean as a mixture of the estimate of the data and of the state."""
    before = alpha_bar_t / (1 - beta_t)
    x0 = (x - math.sqrt(1 - alpha_bar_t) * noise) / math.sqrt(alpha_bar_t)
    of_x0 = math.sqrt(before) * beta_t / (1 - alpha_bar_t)
    return of_x0 * x0 + math.sqrt(1 - beta_t) * (1 - before) / (1 - alpha_bar_t) * x + math.sqrt(beta_t) * z


def by_euler_in_sigma(x, x0, a, s, a_then, s_then):
    """Euler's method in x / a and sigma."""
    return a_then * (x / a + (s_then / a_then - s / a) * (x - a * x0) / s)


def by_two_euler_steps(f, y, sigma, then):
    """The mean of y and of two steps of Euler's method, the second from the end of the first."""
    first = y + (then - sigma) * f(y, sigma)
    return (y + first + (then - sigma) * f(first, then)) / 2


def by_loops(x, y, width):
    """The unbiased squared MMD, pair by pair."""

    def mean(pairs):
        return torch.stack([torch.exp(-((a - b) ** 2).sum() / (2 * width * width)) for a, b in pairs]).mean()

    inner = [[(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j] for s in (x, y)]
    return mean(inner[0]) + mean(inner[1]) - 2 * mean([(a, b) for a in x for b in y])


def by_ranks(real, generated):
    """The area under the curve from the ranks, ties at their mean."""
    ranks = torch.tensor(stats.rankdata(torch.cat([real, generated])))
    n, m = len(real), len(generated)
    return (ranks[:n].sum() - n * (n + 1) / 2) / (n * m)


def by_distributions(x, logits, mu, log_variance):
    """The bound from PyTorch's own distributions."""
    fit = torch.distributions.Bernoulli(logits=logits).log_prob(x).sum(1)
    q = torch.distributions.Normal(mu, (0.5 * log_variance).exp())
    return fit - torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)


def by_the_largest_weight(log_w):
    """The mean of the weights in units of the largest of each image."""
    top = log_w.amax(0)
    return top + (log_w - top).exp().mean(0).log()


def by_densities(log_p, h, mu, log_variance):
    """The weights from PyTorch's own normal densities, in units of the largest."""
    prior = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    q = torch.distributions.Normal(mu, (log_variance / 2).exp())
    return by_the_largest_weight(log_p + prior.log_prob(h).sum(-1) - q.log_prob(h).sum(-1))


def by_singular_values(images):
    """The largest singular value of the standardised pixels."""
    centred = images - images.mean(0)
    width = centred.square().mean(0).sqrt()
    return torch.linalg.matrix_norm(centred[:, width > 0] / width[width > 0], 2) ** 2 / len(images)


def by_two_inputs(weight, bias, sign):
    """The layer's answers to flipped bits: to none at all, and to each bit by itself."""

    def layer(x):
        return bias + torch.where(sign > 0, x, 1 - x) @ weight.T

    none = layer(torch.zeros_like(sign))
    return torch.cat([(layer(torch.eye(len(sign), dtype=D)) - none).T, none[:, None]], 1)


def by_each_group(log_w, k):
    """One group after the other."""
    return torch.stack([by_the_largest_weight(group) for group in log_w.split(k)]).mean(0)


def by_each_bond(p):
    """All bonds in a loop, with the joint probabilities of two coins."""
    n, L, _ = p.shape
    found = [0.0, 0.0]
    for lattice in p.tolist():
        for i, j in ((i, j) for i in range(L) for j in range(L)):
            for a in (lattice[(i + 1) % L][j], lattice[i][(j + 1) % L]):
                b = lattice[i][j]
                found[0] -= a * b + (1 - a) * (1 - b) - a * (1 - b) - b * (1 - a)
                found[1] -= 1 if (a > 0.5) == (b > 0.5) else -1
    return [total / (n * L * L) for total in found]


def by_actions(phi, kappa, other):
    """Weights from the two whole actions, relative to the largest, and two averages."""

    def action(k):
        bonds = phi * (phi.roll(1, 1) + phi.roll(1, 2))
        return (-2 * k * bonds + phi**2 + 0.7 * (phi**2 - 1) ** 2).sum((1, 2))

    log_w = action(kappa) - action(other)
    w = (log_w - log_w.max()).exp()
    return w.mean() ** 2 / w.square().mean()


def by_bisection(k, kappa, lam):
    """The width by bisection of the virial theorem, and the four neighbours one by one."""
    low, high = 0.0, 3.0
    for _ in range(60):
        r = (low + high) / 2
        low, high = (r, high) if (2 - 4 * lam) * r**2 + 12 * lam * r**4 < 1 else (low, r)
    phases = torch.exp(1j * torch.cat([k, -k], 1)).sum(1)
    return (1 - 2 * kappa * r**2 * phases).real


def by_binary_digits(start, tau, share):
    """Powers of the factor of one trajectory, halved again and again."""
    slow, goal, time, step = 1 - 2 / (tau + 1), share / abs(start - 1), 0.0, 1024.0
    for _ in range(60):
        if slow ** (time + step) > goal:
            time += step
        step /= 2
    return time


def by_scattered_weights(log_w):
    """The mean weight and its standard deviation, in units of the largest weight."""
    top = log_w.max()
    w = (log_w - top).exp()
    return [top + w.mean().log(), w.std(correction=0) / w.mean() / math.sqrt(len(w))]


def by_relative_weights(energies, T):
    """Free energy, mean energy and entropy, one after the other."""
    w = torch.exp(-(energies - energies.min()) / T)
    entropy = torch.log(w.sum()) + (w * (energies - energies.min())).sum() / w.sum() / T
    return math.log2(len(energies)) * math.log(2) - entropy


def by_ratios_of_mirrors(log_prob, spins):
    """The ratio of the mirror image's probability to the lattice's own."""
    return torch.stack([((1 + (log_prob(-s[None])[0] - log_prob(s[None])[0]).exp()) / 2).log() for s in spins]).mean()


def by_counting_fields(spins):
    """Bisection of the slope over the products of a spin and its local field, each counted."""
    field = sum(spins * spins.roll(step, axis) for step in (1, -1) for axis in (1, 2))
    values, counts = field.unique(return_counts=True)
    low, high = -5.0, 5.0
    for _ in range(60):
        beta = (low + high) / 2
        low, high = (beta, high) if (counts * values * torch.sigmoid(-2 * beta * values)).sum() > 0 else (low, beta)
    return beta


def by_metropolis(log_f, path):
    """Both probabilities of the path, with Metropolis kernels as an example of detailed balance."""
    R, states = len(log_f) - 1, log_f.shape[1]
    forward, backward = log_f[0].log_softmax(0)[path[0]], log_f[R].log_softmax(0)[path[R]]
    for r in range(1, R + 1):
        kernel = (log_f[r] - log_f[r][:, None]).exp().clamp(max=1) / states
        kernel += torch.diag(1 - kernel.sum(1))
        forward = forward + kernel[path[r - 1], path[r]].log()
        backward = backward + kernel[path[r], path[r - 1]].log()
    return forward - backward


def by_all_joint_states(W, a, b, x, weight):
    """The joint weights of all configurations, pattern by pattern."""
    s = torch.cartesian_prod(*[torch.arange(2, dtype=D)] * sum(W.shape))
    v, h = s[:, : len(a)], s[:, len(a) :]
    log_p = (v @ a + h @ b + torch.einsum("ni,ij,nj->n", v, W, h)).log_softmax(0)
    return sum(share * log_p[(v == one).all(1)].logsumexp(0) for one, share in zip(x, weight))


def by_variance(work, log_z_base, log_z):
    """Run by run, and the error from the variance."""
    lost = sum(w + log_z - log_z_base for w in work) / len(work)
    return [lost, math.sqrt(2 * lost / len(work))]


def by_second_derivatives(coupling, field):
    """H and Fisher's information as Hessians, and the gradient of each configuration by automatic differentiation."""
    s = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=D)] * 5)
    i, j = torch.triu_indices(5, 5, 1)
    phi, row = torch.cat([s[:, i] * s[:, j], s], 1), torch.arange(32)

    def log_pl(theta):
        log_f = phi @ theta
        return sum(log_f - torch.logaddexp(log_f, log_f[row ^ (1 << unit)]) for unit in range(5))

    truth = torch.tensor([coupling] * 10 + [field] * 5, dtype=D)
    p = (phi @ truth).softmax(0)
    hessian = torch.autograd.functional.hessian
    slopes = torch.autograd.functional.jacobian(log_pl, truth)
    u = torch.tensor([0.0] * 10 + [0.2] * 5, dtype=D)
    left = torch.linalg.solve(hessian(lambda theta: p @ log_pl(theta), truth), u)
    information = hessian(lambda theta: (phi @ theta).logsumexp(0), truth)
    return (p * (slopes @ left) ** 2).sum() / (u @ torch.linalg.solve(information, u))


def by_trapezoids(width):
    """Another grid, densities by the trapezoidal rule, and the gradients of one pair as a covariance of each part."""
    x = torch.linspace(-6, 6, 3001, dtype=D)
    p = torch.exp(2 * x**2 - x**4)
    p = p / torch.trapezoid(p, x)
    q = torch.distributions.Normal(0.0, torch.tensor(width, dtype=D)).log_prob(x).exp()
    feature = torch.stack([x**2, x**4, torch.ones_like(x)])

    def moments(f, g, weight):
        return torch.trapezoid(f[:, None] * g[None] * weight, x)

    found = 0.0
    for weight, other in ((p, q), (q, p)):
        slope = feature * other / (p + q)
        mean = torch.trapezoid(slope * weight, x)
        found = found + moments(slope, slope, weight) - torch.outer(mean, mean)
    H = torch.linalg.inv(moments(feature, feature, p * q / (p + q)))
    return (torch.einsum("ij,jk,ik->i", H, found, H) / 20_000).sqrt()


def by_divergences(p, theta):
    """Automatic differentiation of the two divergences."""
    theta = theta.clone().requires_grad_()
    q = theta.softmax(0)
    half = (p + q) / 2
    jsd = ((p * (p / half).log()).sum() + (q * (q / half).log()).sum()) / 2
    return torch.autograd.grad((q * (q / p).log()).sum() - 2 * jsd, theta)[0]


def by_the_error_function(distribution, x1, x2):
    """The two quantiles by the inverse of the error function."""
    z = math.sqrt(2) * torch.erfinv(2 * distribution(torch.linspace(x1, x2, 2, dtype=D)) - 1)
    return ((x2 - x1) / z.diff()).squeeze()


def by_climbing(means, M):
    """Half of the configurations, and a quasi-Newton method on the likelihood."""
    bits = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=D)] * M)[2 ** (M - 1) :]
    phi = torch.stack([bits[:, i] * bits[:, j] for i in range(M) for j in range(i + 1, M)], 1)
    theta = torch.zeros_like(means).requires_grad_()
    climb = torch.optim.LBFGS([theta], max_iter=200, line_search_fn="strong_wolfe")

    def loss():
        climb.zero_grad()
        value = (phi @ theta).logsumexp(0) - means @ theta
        value.backward()
        return value

    climb.step(loss)
    return theta.detach()


def by_slopes(a, b, A, eta):
    """Both slopes of the value by automatic differentiation, twice."""
    slopes = torch.func.grad(lambda s: s[: len(a)] @ A @ s[len(a) :])
    sign = torch.cat([-torch.ones_like(a), torch.ones_like(b)])
    start = torch.cat([a, b])
    return start + eta * sign * slopes(start + eta * sign * slopes(start))


def by_cross_entropy(real, fake):
    """The cross entropies of a classifier, as PyTorch has them."""
    cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
    one, zero = torch.ones_like, torch.zeros_like
    d_loss = cross_entropy(real, one(real)) + cross_entropy(fake, zero(fake))
    return torch.stack([d_loss, cross_entropy(fake, one(fake))])


def by_both_data(x, mean, a, b):
    """The chance to have been another, for a clean spin up and for one down, weighed by how probable each is."""
    found = 0.0
    for clean in (1.0, -1.0):
        weight = (1 + clean * mean) / 2
        found = found + weight * (1 - a / b) / 2 * (1 - b * x * clean) / (1 + a * x * clean)
    return found


def by_both_answers(teacher, y, sigma, middle, then):
    """The mean of the teacher's two answers with their weights."""
    first = teacher(y, sigma)
    second = teacher(torch.lerp(first, y, middle / sigma), middle)
    weight = (sigma - middle) * then / (middle * (sigma - then))
    return weight * first + (1 - weight) * second


def by_energies_of_spins(J, B, T):
    """Each coupling and bias from the weights of four configurations of bits."""

    def log_f(*on):
        spins = -torch.ones(len(J), dtype=J.dtype)
        spins[list(on)] = 1
        return (0.5 * spins @ J @ spins + B * spins.sum()) / T

    b = torch.stack([log_f(i) - log_f() for i in range(len(J))])
    w = [
        [log_f(i, j) - log_f(i) - log_f(j) + log_f() if i != j else 0 * B for j in range(len(J))] for i in range(len(J))
    ]
    return torch.cat([torch.tensor(w, dtype=J.dtype), b[None]])


def by_curvature(theta, mean):
    """Newton's step with the derivatives of log Z by automatic differentiation."""
    theta = theta.double().requires_grad_()
    (slope,) = torch.autograd.grad(torch.nn.functional.softplus(theta).sum(), theta, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), theta)
    return (theta + (mean - slope) / curvature).detach()


def by_one_spin_at_a_time(mu, T):
    """Two bonds a spin, and the entropy of a spin from PyTorch's own distribution."""
    return 16 * (-2 * mu**2 - T * torch.distributions.Bernoulli((1 + mu) / 2).entropy())


def by_summing_times(d, eigenvalues):
    """The covariances of two thousand times."""
    correlation = torch.stack([(d**2 * eigenvalues**t).sum() for t in range(2000)]) / (d**2).sum()
    return 1 + 2 * correlation[1:].sum()


def by_a_matrix_of_signs(W, a, b, j):
    """The unit's column turned by a matrix."""
    sign = torch.ones(len(b), dtype=W.dtype)
    sign[j] = -1
    return torch.cat([(W @ torch.diag(sign)).flatten(), a + W @ (1 - sign) / 2, b * sign])


def by_enumeration(W, a, b):
    """All configurations of the machine with one hidden unit."""
    values = [torch.arange(2, dtype=D)] * (len(a) + 1)
    s = torch.cartesian_prod(*values)
    x, h = s[:, :-1], s[:, -1]
    p = (x @ a + h * (b + x @ W)).softmax(0)
    return p @ (x[:, 0] * x[:, 1]) - (p @ x[:, 0]) * (p @ x[:, 1])


def by_sylvester(points):
    """A C + C A = 2 I, solved in the axes of C."""
    values, axes = torch.linalg.eigh(torch.einsum("ni,nj->ij", points, points) / len(points))
    return axes @ torch.diag(2 / (values + values)) @ axes.T


def by_stationary_variance(a, bias):
    """Bisection of the variance that a step leaves, over the exact one."""
    low, high = 0.0, 2 / a
    for _ in range(100):
        eps = (low + high) / 2
        low, high = (eps, high) if eps / (1 - (1 - eps * a / 2) ** 2) * a < 1 + bias else (low, eps)
    return low


def by_differentiating_draws(h, gamma):
    """Both estimates by automatic differentiation, at the uniform numbers that led to h."""
    u, rate = 1 - torch.exp(-gamma * h), torch.full_like(h, gamma).requires_grad_()
    path = torch.autograd.grad(((-torch.log(1 - u) / rate) ** 2).sum(), rate)[0]
    score = torch.autograd.grad((rate.log() - rate * h).sum(), rate)[0]
    return torch.stack([path, h**2 * score])


def by_its_loss(p, q):
    """The loss at the best critic."""
    best = 1 / (1 + q / p)
    return 0.5 * (p * (best - 1) ** 2).sum() + 0.5 * (q * best**2).sum()


def by_eigenvalues(gamma):
    """The slower eigenvalue of the damped oscillator."""
    matrix = torch.tensor([[0.0, -0.5], [0.5, -gamma]], dtype=D)
    return -torch.linalg.eigvals(matrix).real.max()


def by_two_parabolas(delta, gamma):
    """One Newton step on each side of zero."""
    return torch.stack(
        [torch.tensor(b) + (delta - 2 * gamma * (abs(b) - 1) * (1 if b > 0 else -1)) / (2 * gamma) for b in (0.5, -0.5)]
    )


def by_a_classifier(s):
    """Cross-entropies of the smoothed targets at the best probability."""
    d, entropy = torch.tensor((1 - s) / 2, dtype=D), torch.nn.functional.binary_cross_entropy
    return entropy(d, torch.tensor(1 - s, dtype=D)) + entropy(d, torch.tensor(0.0, dtype=D))


def by_one_hot_vectors(W, b, n_classes):
    """The layer without noise."""
    one_hot = torch.eye(W.shape[1], dtype=W.dtype)[-n_classes:]
    return torch.nn.functional.linear(one_hot, W, b)


def by_drawing(counts, n):
    """Forty thousand rounds of equal digits."""
    share = counts.sum() / (n * len(counts))
    rng = torch.Generator().manual_seed(3)
    hits = torch.binomial(torch.full((40_000, len(counts)), float(n)), share.expand(40_000, len(counts)), generator=rng)
    return (hits.amax(1) - hits.amin(1) >= counts.max() - counts.min()).double().mean()


def by_a_wide_kernel(x, y, width=1e4):
    """All pairs with a kernel that is very wide."""

    def mean(a, b):
        return torch.expm1(
            -(torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist") ** 2) / (2 * width**2)
        ).mean()

    return width**2 * (mean(x, x) + mean(y, y) - 2 * mean(x, y))


def by_neighbours_in_turn(real, generated, k):
    """Ball by ball."""
    seen, full = torch.zeros(len(real), dtype=bool), []
    for j, y in enumerate(generated):
        others = torch.cat([generated[:j], generated[j + 1 :]])
        seen |= (real - y).norm(dim=1) <= (others - y).norm(dim=1).kthvalue(k).values
    for i, x in enumerate(real):
        others = torch.cat([real[:i], real[i + 1 :]])
        full.append(bool((generated - x).norm(dim=1).min() <= (others - x).norm(dim=1).kthvalue(k).values))
    return [seen.double().mean().item(), sum(full) / len(full)]


def by_assignment(x, a):
    """The cheapest of all plans that move each point to one other."""
    costs = torch.cdist(x, x + a).square()
    return costs[optimize.linear_sum_assignment(costs)].mean().sqrt()


def by_quadrature(width, dim):
    """Each direction by Gauss and Hermite."""
    nodes, weights = (torch.tensor(v) for v in np.polynomial.hermite_e.hermegauss(60))
    weights, spins = weights / weights.sum(), torch.tensor([-1.0, 1.0], dtype=D)

    def mean(x, p, y, q):
        return p @ torch.exp(-((x[:, None] - y) ** 2) / (2 * width**2)) @ q

    half = torch.full((2,), 0.5, dtype=D)
    same = mean(spins, half, spins, half) ** dim + mean(nodes, weights, nodes, weights) ** dim
    return same - 2 * mean(spins, half, nodes, weights) ** dim


def by_conditioning(x0, x, before, now):
    """Two jointly normal numbers: the earlier state, and what one step makes of it."""
    ratio = now / before
    gain = math.sqrt(ratio) * (1 - before) / (1 - now)
    mean = math.sqrt(before) * x0 + gain * (x - math.sqrt(now) * x0)
    return torch.stack([mean, torch.full_like(x, 1 - before - gain * math.sqrt(ratio) * (1 - before))])


def by_the_residual(V0, beta, bar):
    """The residual variance of the state before, given the one after."""
    before = bar / (1 - beta)
    earlier, later = before * V0 + 1 - before, bar * V0 + 1 - bar
    return earlier * (1 - (1 - beta) * earlier / later)


def by_each_step(A, alpha, beta, sigma2, M):
    """One covariance after the other."""
    return sum(M * A[t + 1] * alpha[t + 1] ** 0.5 * beta[t] / sigma2[t + 1] for t in range(1, len(A) - 1))


def by_a_fine_chain(v, first, last, M):
    """The sum of the terms themselves, for two thousand steps."""
    ratios = torch.linspace(first**0.5, last**0.5, 2001, dtype=D) ** 2
    return sum(0.5 * (a - b) * M * v((a + b) / 2) for a, b in itertools.pairwise(ratios))


def by_pairs_of_waves(times, size, slowest):
    """Distances by the cosines of differences of angles."""
    rates = [slowest ** (-2 * i / size) for i in range(size // 2)]
    varies = sum((f(rate * times).std() > 0.05).double() for rate in rates for f in (torch.sin, torch.cos))
    gaps = times.diff()
    return torch.stack([varies, sum(2 - 2 * torch.cos(rate * gaps) for rate in rates).sqrt().mean()])


def by_total_variance(L, n):
    """What is there, minus what the parts have within them."""
    within = torch.stack([part.var(correction=0) for part in L.chunk(n)]).mean()
    return (L.var(correction=0) - within) / n


def by_integration(c, u, later, zeta, n=4000):
    """The slope of log K along the way back, summed by the midpoint rule."""
    h = (later - u) / n
    times = [u + (k + 0.5) * h for k in range(n)]
    slope = sum(1 - (1 + zeta) / (math.exp(-2 * v) * (c - 1) + 1) for v in times) * h
    return math.exp(slope) * (math.exp(-2 * later) * (c - 1) + 1)


def by_pairs_and_eigenvalues(J):
    """Signs by their pairs, normal numbers by the eigenvalues."""
    return torch.stack([4 * J.triu(1).square().sum(), 2 * torch.linalg.eigvalsh(J).square().sum()])


def by_a_gaussian_slope(x, a, mean, C):
    """The answer for normal data, differentiated at no signal."""

    def answer(b):
        return mean + b * (x - b * mean) @ torch.linalg.inv(b**2 * C + (1 - b**2) * torch.eye(len(C), dtype=D)) @ C

    nothing = torch.tensor(0.0, dtype=D)
    return answer(nothing) + a * torch.autograd.functional.jacobian(answer, nothing)


def by_differentiating_the_slopes(x, u, y, sigma, c):
    """Along the flow: the slope's own derivatives, in the clock and in the place."""

    def along(slope, place, clock):
        def moved(h):
            return slope(place + h * slope(place, clock), clock + h)

        return torch.autograd.functional.jacobian(moved, torch.tensor(0.0, dtype=D))

    clocks = torch.tensor(u, dtype=D), torch.tensor(sigma, dtype=D)
    in_u = along(lambda z, v: -z + z / (c * torch.exp(-2 * v) + 1 - torch.exp(-2 * v)), x, clocks[0])
    return torch.stack([in_u, along(lambda z, s: s * z / (c + s * s), y, clocks[1])])


def by_numpy(steps, shares):
    """NumPy's own straight lines, which want rising values."""
    return np.interp(0.55, shares.flip(0).numpy(), steps.flip(0).numpy())


def by_bayes(x, a, s, data):
    """One noisy state at a time, with densities."""
    rows = []
    for one in x:
        density = torch.distributions.Normal(a * data, s).log_prob(one).sum(1).exp()
        rows.append((density[:, None] * data).sum(0) / density.sum())
    return torch.stack(rows)


def by_counting_both(u):
    """Mutual information from the joint distribution of a coin and its noisy copy."""
    joint = torch.tensor([1 + math.exp(-u), 1 - math.exp(-u)], dtype=D).repeat(2) / 4
    return (joint * (joint * 4).log()).sum()


def by_all_clean_colours(P, now, then, a):
    """The mean of the ratio over the clean colour."""
    q = len(P)
    chance = [[a * (w == v) + (1 - a) / q for v in range(q)] for w in range(q)]
    return sum(P[w] * chance[w][then] / chance[w][now] for w in range(q))


def by_all_neighbours(x, expected):
    """The energies by a convolution with the four neighbours."""
    kernel = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], dtype=x.dtype)[None, None]
    fields = torch.nn.functional.conv2d(torch.nn.functional.pad(x[:, None], (1, 1, 1, 1), mode="circular"), kernel)
    energies = -(x * fields[:, 0]).flatten(1).mean(1) / 2
    return (energies - expected).mean() * math.sqrt(len(x)) / torch.std(energies)


def by_ranks_of_the_truth(draws, truth, r):
    """The truth's place among the draws."""
    place, n = (draws < truth[:, None]).sum(1), draws.shape[1]
    hits = ((place >= r) & (place <= n - r)).double()
    share = (n + 1 - 2 * r) / (n + 1)
    return (hits.sum() - len(hits) * share) / math.sqrt(len(hits) * share * (1 - share))


def by_jacobians(z, u, w, c):
    """The determinant point by point."""
    jacobian = torch.autograd.functional.jacobian
    return torch.stack([torch.linalg.slogdet(jacobian(lambda y: y + u * torch.tanh(y @ w + c), p))[1] for p in z])


def by_singular_vectors(z, m, C):
    """The root of C from its singular vectors, one point at a time."""
    left, values, right = torch.linalg.svd(C)
    return torch.stack([m + left @ torch.diag(values**0.5) @ right @ p for p in z])


# A second right answer to each exercise, written in another way than the reference.
def by_ratios(log_p, log_f):
    """The ratios themselves, taken from their largest one."""
    ratio = log_f - log_p
    top = ratio.max()
    return torch.log(torch.mean(torch.exp(ratio - top))) - torch.mean(ratio - top)


def by_independent_directions(a, expected, covariance):
    """The sum of the squares along the eigenvectors of the covariance."""
    value, vector = torch.linalg.eigh(covariance)
    return (len(a) * ((a - expected).mean(0) @ vector).square() / value).sum()


OTHERWISE = {
    "ex:write-auc": by_ranks,
    "ex:write-mmd": by_loops,
    "ex:write-denoising-loss": by_each_point,
    "ex:write-backward-step": by_posterior,
    "ex:write-ddim-step": by_euler_in_sigma,
    "ex:write-heun-step": by_two_euler_steps,
    "ex:write-flip-step": by_both_data,
    "ex:write-student-target": by_both_answers,
    "ex:write-elbo": by_distributions,
    "ex:write-importance-bound": by_the_largest_weight,
    "ex:write-gradient-penalty": by_each_gradient,
    "ex:write-discriminator-step": by_descent,
    "ex:heat-capacity": by_differentiation,
    "ex:write-log-z": by_visible_configurations,
    "ex:write-cd-step": by_pairs_of_units,
    "ex:write-extragradient": by_slopes,
    "ex:write-gan-losses": by_cross_entropy,
    "ex:write-coupling-density": by_one_coordinate_at_a_time,
    "ex:write-flow-matching": by_pairs,
    "ex:write-leapfrog": by_joined_half_steps,
    "ex:write-weighted-mean": by_plain_sums,
    "ex:write-sweep": by_two_weights,
    "ex:write-langevin": lambda x, g, e, z: torch.lerp(x, x - g, e / 2).add(z, alpha=math.sqrt(e)),
    "ex:write-pseudolikelihood": by_conditionals,
    "ex:spins-and-bits": by_energies_of_spins,
    "ex:learning-rate": lambda C: 2 / torch.linalg.matrix_norm(C, 2),
    "ex:newton-digits": by_curvature,
    "ex:gibbs-bogoliubov": by_one_spin_at_a_time,
    "ex:autocorrelation": by_summing_times,
    "ex:rbm-flip": by_a_matrix_of_signs,
    "ex:rbm-one": by_enumeration,
    "ex:rbm-overflow": 88.7,
    "ex:gaussian-covariance": lambda W, h, s: torch.einsum("ij,jk,lk->il", W, h, W) + s**2 * torch.eye(len(s)),
    "ex:score-gaussian": by_sylvester,
    "ex:stiffest-spring": by_stationary_variance,
    "ex:vae-two-gaussians": lambda mu, var, nu, tau2: torch.distributions.kl_divergence(
        torch.distributions.Normal(mu, var.sqrt()), torch.distributions.Normal(nu, tau2.sqrt())
    ),
    "ex:vae-exponential": by_differentiating_draws,
    "ex:find-the-lattice": by_climbing,
    "ex:non-saturating": by_divergences,
    "ex:steepness": by_the_error_function,
    "ex:potts-copy": by_second_derivatives,
    "ex:far-noise": by_trapezoids,
    "ex:rbm-crooks": by_metropolis,
    "ex:rbm-bars": by_all_joint_states,
    "ex:rbm-base": by_variance,
    "ex:coin-nats": by_relative_weights,
    "ex:autoregressive-symmetry": by_ratios_of_mirrors,
    "ex:weight-reach": lambda M, c, share: (math.log(1 / share) / M / c) ** 0.5,
    "ex:neighbour-couplings": by_counting_fields,
    "ex:kappa-reweighting": by_actions,
    "ex:phi4-blind": by_bisection,
    "ex:phi4-mend": by_binary_digits,
    "ex:refused": by_scattered_weights,
    "ex:vae-naive": by_densities,
    "ex:vae-beta": by_singular_values,
    "ex:vae-antiferromagnet": by_two_inputs,
    "ex:vae-draws": by_each_group,
    "ex:vae-mean-or-draw": by_each_bond,
    "ex:smoothing": lambda p, q, s: 1 / ((1 + q / p) / (1 - s)),
    "ex:least-squares": by_its_loss,
    "ex:friction": by_eigenvalues,
    "ex:wrong-well": by_two_parabolas,
    "ex:uniform-noise": lambda z: torch.distributions.Exponential(1.0).icdf((z + 1) / 2),
    "ex:deeper": [46134, 44401],
    "ex:smoothed-level": by_a_classifier,
    "ex:leak": lambda n: math.exp(-n * math.log(100)),
    "ex:missing": lambda share, fair, errors: (errors * math.sqrt(share - share**2) / (fair - share)) ** 2,
    "ex:one-hot": by_one_hot_vectors,
    "ex:hardest": by_drawing,
    "ex:wide-kernel": by_a_wide_kernel,
    "ex:bootstrap-copies": lambda n: -math.expm1((n - 1) * math.log1p(-1 / n)),
    "ex:ten-images": by_neighbours_in_turn,
    "ex:shifted-set": by_assignment,
    "ex:frechet-blind": by_quadrature,
    "ex:diffusion-skip": by_conditioning,
    "ex:diffusion-two-variances": by_the_residual,
    "ex:false-bound": by_each_step,
    "ex:diffusion-heat": lambda y, p, gradient, laplacian: torch.lerp(0 * p, laplacian, 0.5),
    "ex:diffusion-mmse": by_a_fine_chain,
    "ex:diffusion-embedding": by_pairs_of_waves,
    "ex:diffusion-stratified": by_total_variance,
    "ex:hermite-modes": lambda c, n, u: c / math.exp(u) ** n,
    "ex:two-times": by_integration,
    "ex:hutchinson-variance": by_pairs_and_eigenvalues,
    "ex:pitchfork-exponent": 1 / 2,
    "ex:one-step": by_a_gaussian_slope,
    "ex:two-clocks": by_differentiating_the_slopes,
    "ex:u-turn": by_numpy,
    "ex:perfect-training": by_bayes,
    "ex:flip-information": by_counting_both,
    "ex:potts-ratio": by_all_clean_colours,
    "ex:reverse-current": lambda here, there: here * (there / here) / 2 - there * (here / there) / 2,
    "ex:larger-lattice": by_all_neighbours,
    "ex:dps-coverage": by_ranks_of_the_truth,
    "ex:planar-flow": by_jacobians,
    "ex:gaussian-share": lambda sigma, M: (max(2 - sigma**-2, 0) ** 0.5 / sigma) ** M,
    "ex:gaussian-straight": by_singular_vectors,
    "ex:flow-symmetrise": lambda here, there: torch.log(here.exp() / 2 + there.exp() / 2),
    "ex:volume-law": lambda r, blocks: math.prod([r] * blocks),
    "ex:write-nats": by_ratios,
    "ex:write-chi-squared": by_independent_directions,
    "ex:sweep-by-hand": lambda theta: -math.tanh(theta) / (8 * math.cosh(theta) ** 2),
}


@pytest.mark.parametrize("name", exercises())
def test_right_answers_are_accepted_in_any_form(name, capsys):
    assert check(name, exercises()[name].answer)
    assert check(name, OTHERWISE[name])
    assert capsys.readouterr().out == f"{name}: right\n" * 2


@pytest.mark.parametrize("name, k", [(name, k) for name, e in exercises().items() for k in range(len(e.slips))])
def test_each_slip_is_refused_with_its_hint(name, k, capsys):
    hint, wrong = exercises()[name].slips[k]
    assert not check(name, wrong)
    assert capsys.readouterr().out == f"{name}: not yet: {hint}\n"
    assert len({hint for hint, _ in exercises()[name].slips}) == len(exercises()[name].slips) >= 3


@pytest.mark.parametrize("name", [name for name, exercise in exercises().items() if exercise.inputs])
def test_constants_and_what_is_right_only_where_it_was_shown_are_refused(name):
    exercise = exercises()[name]
    given = exercise.inputs(torch.Generator().manual_seed(19))
    first = exercise.answer(*given[0])
    for wrong in (first, lambda *x: first, lambda *x: math.nan, lambda *x: "word", lambda: 0.0, 3.0, "word", [1, 2]):
        assert judge(exercise, wrong).startswith("not yet")

    def memory(*x):  # knows the first input by heart
        same = all(bool(torch.as_tensor(a == b).all()) for a, b in zip(x, given[0], strict=True) if _alike(a, b))
        return first if same and all(map(_alike, x, given[0])) else 0.0 * first

    assert judge(exercise, memory).startswith("not yet")


def _alike(a, b):
    return getattr(a, "shape", ()) == getattr(b, "shape", ())


@pytest.mark.parametrize("blank", [None, ..., lambda *x: None, lambda *x: ...])
def test_an_empty_cell_is_no_mistake(blank):
    for exercise in exercises().values():
        if callable(exercise.answer) or not callable(blank):
            assert judge(exercise, blank) == "no answer yet"


def test_the_hint_does_not_show_the_solution_and_prints_the_same_everywhere(capsys):
    check("ex:sweep-by-hand", lambda theta: 0.1234567)
    assert capsys.readouterr().out == "ex:sweep-by-hand: not yet: the answer does not depend on what it is given\n"


def test_an_unknown_slip_is_told_what_it_has_in_common_with_the_right_answer():
    parabola = Exercise(answer=lambda x: x**2 + x, inputs=lambda rng: [(x,) for x in (0.5, 1.0, -2.0, 3.0)])
    assert judge(parabola, lambda x: 3 * x**2 + 3 * x) == "not yet: right up to a constant factor"
    assert judge(parabola, lambda x: -(x**2) - x) == "not yet: the sign is wrong, and nothing else"
    assert judge(parabola, lambda x: x**2 + x + 7) == "not yet: right up to a constant that is added"
    assert judge(parabola, lambda x: x**2 - x) == "not yet"
    assert judge(parabola, lambda x: 0.0) == "not yet: the answer does not depend on what it is given"


def test_numbers_and_tensors():
    number = Exercise(answer=math.log(2), slips=(("in nats, not in bits", 1.0),))
    assert judge(number, torch.tensor(0.693147)) == judge(number, math.log(4) / 2) == "right"
    assert judge(number, 1) == "not yet: in nats, not in bits"
    assert judge(number, 0.7) == judge(number, 0.69) == "not yet"
    assert judge(number, lambda: 0.69) == "not yet: the answer is a number or a tensor"
    assert judge(number, math.nan) == "not yet: the answer is not finite everywhere"
    vector = Exercise(answer=torch.tensor([1.0, 2.0]), slips=(("the order", torch.tensor([2.0, 1.0])),))
    assert judge(vector, [1, 2]) == "right"
    assert judge(vector, torch.ones(3)) == "not yet: the answer has another shape than was asked for"
    assert judge(vector, torch.tensor([2, 1])) == "not yet: the order"


def test_samplers_are_judged_by_their_averages():
    def normal(n, *, rng):
        return torch.randn(n, generator=rng, dtype=D)

    exercise = Exercise(
        answer=normal,
        averages=lambda x: torch.stack([x, x**2, x**4], 1),
        slips=(("the variance is one, not its half", lambda n, *, rng: normal(n, rng=rng) / math.sqrt(2)),),
    )

    def box_muller(n, *, rng):
        u, v = torch.rand(2, n, generator=rng, dtype=D)
        return (-2 * (1 - u).log()).sqrt() * (2 * math.pi * v).cos()

    assert judge(exercise, box_muller) == "right"
    assert judge(exercise, lambda n, *, rng: box_muller(n, rng=rng) / math.sqrt(2)).endswith("not its half")
    assert judge(exercise, lambda n, *, rng: torch.zeros(n)) == "not yet"
    uniform = lambda n, *, rng: (torch.rand(n, generator=rng) * 2 - 1) * math.sqrt(3)  # noqa: E731
    assert judge(exercise, uniform) == "not yet"  # mean and variance are right, the fourth moment is not
    assert judge(exercise, lambda n, *, rng: torch.zeros(3)) == "not yet: the answer raises ValueError"


def test_an_unknown_exercise_is_named_with_its_neighbours():
    with pytest.raises(ValueError, match=r"ex:heat-capacty.*ex:heat-capacity"):
        check("ex:heat-capacty", 1.0)
