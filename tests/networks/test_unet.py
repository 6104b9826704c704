"""genphys.networks.unet: what the network computes at the start, its symmetries, its weights, its errors."""

import math

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import ks_2samp
from torch import nn

from genphys.networks import unet
from genphys.train import diffusion_unet

F64 = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=3, side=8, channels=1, seed=1, dtype=F64):
    return torch.randn(n, channels, side, side, generator=generator(seed), dtype=dtype)


def awake(network, seed=2):
    """The network in double precision with every weight of order one over its fan-in, and none of them zero."""
    g = generator(seed)
    network = network.double()
    with torch.no_grad():
        for p in network.parameters():
            fan_in = p[0].numel() if p.dim() > 1 else 4
            p.add_(torch.randn(p.shape, generator=g, dtype=F64) / math.sqrt(fan_in))
    return network


def small(**options):
    return unet.UNet(**{"widths": (8, 16), "embedding": 16, "rng": generator(), **options})


# --- embedding of the step -----------------------------------------------------------------------------------------


def test_embedding_from_its_definition():
    t, size, slowest = [0, 1, 7, 999], 6, 50.0
    exact = [
        [f(slowest ** (-i / 3) * step) for f in (math.cos, math.sin) for i in range(3)] for step in t
    ]  # the frequencies are 1, s^(-1/3), s^(-2/3)
    found = unet.time_embedding(torch.tensor(t, dtype=F64), size, slowest)
    torch.testing.assert_close(found, torch.tensor(exact, dtype=F64), rtol=0, atol=1e-12)
    torch.testing.assert_close(unet.time_embedding(torch.tensor(t), size, slowest), found.float(), rtol=0, atol=1e-7)
    torch.testing.assert_close(unet.time_embedding(torch.zeros(1), 64)[0], torch.cat([torch.ones(32), torch.zeros(32)]))


def test_integer_steps_are_told_apart_and_fractions_of_T_are_not():
    r"""|e(t+h) - e(t)|^2 = sum_i 4 sin^2(omega_i h / 2), the same for every t, since each pair turns on a circle."""
    T, size = 1000, 64
    t = torch.arange(T + 1, dtype=F64)
    omega = 10_000.0 ** (-torch.arange(size // 2, dtype=F64) / (size // 2))

    def apart(h):
        return (4 * (omega * h / 2).sin().square()).sum().sqrt()

    integers, fractions = unet.time_embedding(t, size), unet.time_embedding(t / T, size)
    for embedded, h in ((integers, 1.0), (fractions, 1.0 / T)):
        torch.testing.assert_close(
            (embedded[1:] - embedded[:-1]).norm(dim=1), apart(h).expand(T), rtol=1e-9, atol=1e-12
        )
    # every embedding has length sqrt(32) = 5.7; neighbours are 1.47 apart, or a thousandth of that
    assert apart(1.0) == pytest.approx(1.4718, abs=1e-4)
    assert apart(1.0) / apart(1.0 / T) == pytest.approx(973.7, abs=0.1)
    # no two of a thousand integers are closer than neighbours are
    assert torch.pdist(integers[1:]).min() > 0.999 * apart(1.0)
    # how many directions the embeddings take, down to a thousandth of the largest: 37 of 64, or 3
    used = [
        int((values > 1e-3 * values[0]).sum())
        for values in (torch.linalg.svdvals(e - e.mean(0)) for e in (integers, fractions))
    ]
    assert used == [37, 3]


# --- shapes, types and the first weights ---------------------------------------------------------------------------


@pytest.mark.parametrize("widths", [(8,), (8, 16), (8, 16, 24)])
@pytest.mark.parametrize("blocks", [1, 2])
def test_shapes(widths, blocks):
    for channels, padding in ((1, "zeros"), (3, "circular")):
        network = small(widths=widths, blocks=blocks, channels=channels, padding=padding)
        for side in (4, 12):
            x = images(2, side, channels, dtype=torch.float32)
            assert network(x, torch.tensor([1, 9])).shape == x.shape


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_types_are_kept(dtype):
    network = small().to(dtype)
    assert network(images(dtype=dtype), torch.tensor([1, 2, 3])).dtype is dtype


def convolution(inputs, outputs, side):
    return inputs * outputs * side**2 + outputs


def block(inputs, outputs, embedding):
    shortcut = convolution(inputs, outputs, 1) if inputs != outputs else 0
    norms = 2 * inputs + 2 * outputs
    shift = embedding * 2 * outputs + 2 * outputs
    return convolution(inputs, outputs, 3) + convolution(outputs, outputs, 3) + shortcut + norms + shift


def test_number_of_parameters_of_the_shipped_network():
    a, b, c = 16, 32, 64
    down = convolution(1, a, 3) + block(a, a, 128) + convolution(a, b, 3) + block(b, b, 128)
    down += convolution(b, c, 3) + block(c, c, 128)
    middle = block(c, c, 128) + 2 * c + convolution(c, 3 * c, 1) + convolution(c, c, 1)
    up = block(2 * c, c, 128) + convolution(c, b, 1) + block(2 * b, b, 128) + convolution(b, a, 1)
    up += block(2 * a, a, 128) + 2 * a + convolution(a, 1, 3)
    embedding = 64 * 128 + 128 + 128 * 128 + 128 + 11 * 64
    exact = down + middle + up + embedding
    found = sum(p.numel() for p in diffusion_unet(rng=generator()).parameters())
    assert found == exact
    assert 200_000 <= found <= 700_000


def test_first_output_is_zero_and_each_block_its_shortcut():
    network = diffusion_unet(rng=generator())
    x, t = images(2, 28, dtype=torch.float32), torch.tensor([1, 1000])
    assert (network(x, t, torch.tensor([3, 10])) == 0).all()
    same, wider = unet.ResidualBlock(8, 8, 4, rng=generator()), unet.ResidualBlock(8, 16, 4, rng=generator())
    h, e = images(2, 6, 8, dtype=torch.float32), torch.randn(2, 4, generator=generator())
    assert torch.equal(same(h, e), h)
    assert torch.equal(wider(h, e), wider.shortcut(h))
    assert torch.equal(unet.Attention(8, rng=generator())(h), h)
    # and yet the gradient starts: the last layer learns at the first step, the rest from the second
    network(x, t).sum().backward()
    assert network.out.weight.grad.abs().max() > 0


def test_first_weights_are_those_of_the_generator_and_leave_the_global_state_alone():
    torch.manual_seed(11)
    before = torch.get_rng_state()
    one, two, other = (small(classes=3, rng=generator(seed)) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before)
    for name, p in one.state_dict().items():
        assert torch.equal(p, two.state_dict()[name])
    assert not torch.equal(one.stem.weight, other.stem.weight)
    torch.manual_seed(12)  # whatever the global seed is
    assert torch.equal(small(classes=3, rng=generator(5)).stem.weight, one.stem.weight)


# --- what the layers compute ---------------------------------------------------------------------------------------


def test_residual_block_from_its_equation():
    block = awake(unet.ResidualBlock(8, 16, 4, rng=generator()))
    x, e = images(2, 6, 8), torch.randn(2, 4, generator=generator(), dtype=F64)

    def norm(layer, h):
        parts = h.reshape(2, 8, -1)
        parts = (parts - parts.mean(2, keepdim=True)) / (parts.var(2, keepdim=True, correction=0) + 1e-5).sqrt()
        return parts.reshape(h.shape) * layer.weight[:, None, None] + layer.bias[:, None, None]

    ab = e @ block.scale_shift.weight.T + block.scale_shift.bias
    a, b = ab[:, :16, None, None], ab[:, 16:, None, None]
    h = F.conv2d(F.silu(norm(block.norm1, x)), block.conv1.weight, block.conv1.bias, padding=1)
    h = F.conv2d(F.silu((1 + a) * norm(block.norm2, h) + b), block.conv2.weight, block.conv2.bias, padding=1)
    exact = h + torch.einsum("oi,nihw->nohw", block.shortcut.weight[:, :, 0, 0], x)
    exact = exact + block.shortcut.bias[:, None, None]
    torch.testing.assert_close(block(x, e), exact, rtol=1e-11, atol=1e-11)


def test_attention_from_its_equation():
    attention = awake(unet.Attention(8, heads=2, rng=generator()))
    x = images(2, 3, 8)
    flat = attention.norm(x).flatten(2)  # (n, c, places)
    weight, bias = attention.qkv.weight[:, :, 0, 0], attention.qkv.bias[:, None]
    q, k, v = (weight @ flat + bias).split(8, dim=1)
    mixed = torch.zeros_like(q)
    for head in (slice(0, 4), slice(4, 8)):
        for n in range(2):
            p = (q[n, head].T @ k[n, head] / 2).softmax(1)  # sqrt(4) = 2; row: the place that looks
            mixed[n, head] = v[n, head] @ p.T
    exact = x + (attention.out.weight[:, :, 0, 0] @ mixed + attention.out.bias[:, None]).reshape(x.shape)
    torch.testing.assert_close(attention(x), exact, rtol=1e-11, atol=1e-11)


def test_every_weight_step_and_label_counts():
    network = awake(small(classes=3))
    x, t = images(), torch.tensor([4, 500, 2])
    out = network(x, t, torch.tensor([0, 1, 2]))
    out.square().sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or p.grad.abs().max() == 0]
    assert not silent
    assert (network(x, t + 1, torch.tensor([0, 1, 2])) - out).abs().amax((1, 2, 3)).min() > 1e-3
    assert (network(x, t, torch.tensor([1, 2, 0])) - out).abs().amax((1, 2, 3)).min() > 1e-3


def test_no_label_is_the_label_none():
    network = awake(small(classes=3))
    x, t = images(), torch.tensor([4, 500, 2])
    without = network(x, t)
    assert torch.equal(network(x, t, torch.full((3,), 3)), without)
    torch.testing.assert_close(network(x, t, torch.tensor([3, 1, 3]))[::2], without[::2], rtol=1e-12, atol=1e-12)
    assert (network(x, t, torch.tensor([3, 1, 3]))[1] - without[1]).abs().max() > 1e-3
    torch.testing.assert_close(network(x, t, torch.tensor([3, 3, 3], dtype=torch.uint8)), without)


def test_rows_do_not_see_each_other():
    network = awake(small(classes=3))
    x, t, labels = images(), torch.tensor([4, 500, 2]), torch.tensor([0, 3, 2])
    together = network(x, t, labels)
    for i in range(3):
        alone = network(x[i : i + 1], t[i : i + 1], labels[i : i + 1])
        torch.testing.assert_close(alone, together[i : i + 1], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("attention", [True, False])
def test_circular_padding_makes_the_network_equivariant(attention):
    """By multiples of the coarsest cell, 4 sites here; a shift by less, and zeros at the border, break it."""
    t = torch.tensor([4, 500, 2])
    x = images(side=16)
    found = {}
    for padding in ("circular", "zeros"):
        network = awake(small(widths=(8, 8, 16), attention=attention, padding=padding))
        for shift in ((4, 0), (-4, 8), (1, 0)):
            moved = network(x.roll(shift, (2, 3)), t)
            found[padding, shift] = (moved - network(x, t).roll(shift, (2, 3))).abs().max().item()
    assert found["circular", (4, 0)] < 1e-11 and found["circular", (-4, 8)] < 1e-11
    assert found["circular", (1, 0)] > 1e-3 and found["zeros", (4, 0)] > 1e-3


def test_a_network_learns():
    """Velocity zero at the start, and after a few steps the constant image it is asked for."""
    network = small()
    x, t = images(16, dtype=torch.float32), torch.arange(1, 17)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(60):
        error = (network(x, t) - 0.5).square().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    assert error < 0.25 / 20


def test_first_weights_are_distributed_as_those_of_pytorch():
    """Of a convolution, a linear map and an embedding, by the two-sample test of Kolmogorov and Smirnov at 1e-3."""
    torch.manual_seed(0)
    for kind, sizes in ((nn.Conv2d, (16, 32, 3)), (nn.Linear, (64, 64)), (nn.Embedding, (64, 64))):
        ours, theirs = unet.drawn(kind, *sizes, rng=generator()), kind(*sizes)
        for name, p in ours.named_parameters():
            if p.numel() > 100:
                q = theirs.get_parameter(name)
                assert ks_2samp(p.detach().flatten().numpy(), q.detach().flatten().numpy()).pvalue > 1e-3
                assert abs(p.abs().max() / q.abs().max() - 1) < 0.3
    ours, theirs = unet.drawn(nn.Conv2d, 3, 999, 2, rng=generator()), nn.Conv2d(3, 999, 2)
    assert ks_2samp(ours.bias.detach().numpy(), theirs.bias.detach().numpy()).pvalue > 1e-3


# --- what is refused beyond the walk over every public callable


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": ()}, "widths is"),
        ({"widths": (8, 12)}, r"widths is \(8, 12\), takes multiples of 8"),
        ({"widths": (0,)}, "widths"),
        ({"channels": 0}, "channels is 0, takes a whole number, 1 or more"),
        ({"blocks": 0}, "blocks is 0"),
        ({"classes": -1}, "classes is -1"),
        ({"embedding": 0}, "embedding is 0"),
        ({"embedding": 7}, "embedding is 7, takes an even number"),
        ({"padding": "reflect"}, "padding is 'reflect', takes one of 'zeros', 'circular'"),
        ({"attention": 2}, "attention is 2"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


@pytest.mark.parametrize(
    ("x", "t", "labels", "message"),
    [
        ((2, 8, 8), [1, 2], None, "x is"),
        ((2, 3, 8, 8), [1, 2], None, "x is .*channels = 1"),
        ((2, 1, 8, 4), [1, 2], None, "x is"),
        ((2, 1, 7, 7), [1, 2], None, "x is .*a multiple of 2"),
        ((2, 1, 8, 8), [1], None, "t is .*n = 2 of x"),
        ((2, 1, 8, 8), [[1], [2]], None, "t is"),
        ((2, 1, 8, 8), [1, 2], [1], "labels is"),
        ((2, 1, 8, 8), [1, 2], [0.0, 1.0], "labels is .* takes a tensor of whole numbers"),
        ((2, 1, 8, 8), [1, 2], [0, 4], "labels is .*takes 0 to 3"),
        ((2, 1, 8, 8), [1, 2], [-1, 0], "labels is .*at least 0"),
        ((0, 1, 8, 8), [], None, "x is"),
    ],
)
def test_a_call_that_does_not_fit_is_refused(x, t, labels, message):
    labels = None if labels is None else torch.tensor(labels)
    with pytest.raises(ValueError, match=message):
        small(classes=3)(torch.zeros(x), torch.tensor(t), labels)


def test_labels_for_a_network_without_are_refused():
    with pytest.raises(ValueError, match=r"labels is .*classes=0"):
        small()(torch.zeros(2, 1, 8, 8), torch.tensor([1, 2]), torch.tensor([0, 0]))


@pytest.mark.parametrize("size", [0, 3, -2])
def test_an_embedding_has_an_even_size(size):
    with pytest.raises(ValueError, match=f"size is {size}"):
        unet.time_embedding(torch.tensor([1]), size)


def test_images_of_another_type_than_the_weights_are_refused():
    with pytest.raises(ValueError, match=r"x is .*float64"):
        small()(torch.zeros(2, 1, 8, 8, dtype=F64), torch.tensor([1, 2]))
