r"""Several processes that take the steps of one: ``torchrun --nproc-per-node N -m genphys.train NAME``.

Every process holds the whole network and draws the whole batch with all its noise, which costs little, so that nothing
that is drawn depends on their number N. Each then evaluates its own part of the rows, and the gradients of the parts
are added before the step. So N processes take the step that one takes, but for the order of a sum, and a run may go on
with another N. Only the first process reads and writes. The messages are PyTorch's: gloo between processors, NCCL
between GPUs.
"""

import os

import torch
from torch import distributed, nn

from genphys.arguments import require

__all__: list[str] = []


def join(device="cpu"):
    """Meet the other processes that torchrun started; alone, there is nothing to do."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo")


def leave():
    """Part from the others."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def size():
    """The number of processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def first():
    """Whether this process is the one that writes."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def own(n):
    """The rows of a batch of n that this process evaluates: a slice."""
    if size() == 1:
        return slice(0, n)
    require(n >= size(), "batch", n, f"{size()} rows or more, one for each process")
    here = distributed.get_rank()
    return slice(here * n // size(), (here + 1) * n // size())


def cut(x, n, dim=0):
    """This process's rows of ``x``, whose dimension ``dim`` is one or several batches of n rows, one after another."""
    if size() == 1:
        return x
    dim %= x.ndim
    return x.unflatten(dim, (-1, n)).narrow(dim + 1, own(n).start, own(n).stop - own(n).start).flatten(dim, dim + 1)


def padded(x, n, dim=0):
    """The rows that :func:`cut` left, at their places; the rows of the others are zero, without a gradient."""
    if size() == 1:
        return x
    dim, rows = dim % x.ndim, own(n)
    x = x.unflatten(dim, (-1, rows.stop - rows.start))
    shape = list(x.shape)
    before, after = (
        x.new_zeros([*shape[: dim + 1], missing, *shape[dim + 2 :]]) for missing in (rows.start, n - rows.stop)
    )
    return torch.cat([before, x, after], dim + 1).flatten(dim, dim + 1)


class Part(nn.Module):
    """A network, evaluated on this process's rows alone and in the precision of its place.

    The other rows of the answer are zero, without a gradient. Where ``n`` is given, what comes in is one or several
    batches of n rows; where not, it is one.
    """

    def __init__(self, network, place, n=None):
        super().__init__()
        self.network, self.place, self.n = network, place, n

    def forward(self, x, *others):
        n = self.n or len(x)
        answer = self.place.run(self.network, *(cut(given, n) for given in (x, *others)))
        return tuple(padded(part, n) for part in answer) if isinstance(answer, tuple) else padded(answer, n)

    def __getattr__(self, name):  # what else the network has, such as the size of its noise
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("network"), name)


def in_part(network, place, n=None):
    """:class:`Part` where it differs from the network: among several processes, or in another precision."""
    return network if size() == 1 and not place.half else Part(network, place, n)


class _Sum(torch.autograd.Function):
    """The sum of a tensor over the processes, each of which has a part of what depends on it."""

    @staticmethod
    def forward(ctx, x):
        x = x.clone()
        distributed.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx, slope):
        return _Sum.apply(slope.contiguous())


class Norm(nn.BatchNorm2d):
    """Batch normalisation by the mean and the variance of the rows of all processes.

    It is PyTorch's ``SyncBatchNorm``, which is for GPUs alone, in terms of sums.
    """

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        kind, x = x.dtype, x.to(self.weight.dtype)
        over = x.new_full((1,), x.numel() / x.shape[1])
        total = _Sum.apply(torch.cat([x.sum((0, 2, 3)), over]))
        n = total[-1].detach()
        mean = total[:-1] / n
        off = x - mean[:, None, None]
        variance = _Sum.apply(off.square().sum((0, 2, 3))) / n
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (off * scale[:, None, None] + self.bias[:, None, None]).to(kind)


def replace(network, kind, by):
    """Put ``by(layer)`` in the place of each layer of that kind, below the network itself."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is kind:
                setattr(parent, name, by(layer))


def shared_norm(layer):
    """The layer as a :class:`Norm` with the same parameters and buffers."""
    norm = Norm(layer.num_features, layer.eps, layer.momentum, device=layer.weight.device, dtype=layer.weight.dtype)
    for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        setattr(norm, name, getattr(layer, name))
    return norm


@torch.no_grad()
def add(tensors):
    """Replace each tensor by its sum over the processes, in one message."""
    if size() == 1:
        return
    tensors = list(tensors)
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    flat = flat if flat.device.type == "cuda" else flat.cpu()
    distributed.all_reduce(flat)
    for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


def add_gradients(network, *numbers):
    """Add the gradients of a network's parameters, and numbers beside them, over the processes."""
    add([*numbers, *(p.grad for p in network.parameters() if p.grad is not None)])


def add_before_step(optimiser):
    """Add the gradients of an optimiser's parameters over the processes before each of its steps."""
    if size() > 1:
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        optimiser.register_step_pre_hook(lambda *_: add([p.grad for p in parameters if p.grad is not None]))


def from_first(found):
    """What the first process found, in every process."""
    if size() == 1:
        return found
    one = [found if first() else None]
    distributed.broadcast_object_list(one)
    return one[0]


def any_of(flag):
    """Whether the flag is set in any process."""
    if size() == 1:
        return bool(flag)
    found = torch.tensor([float(bool(flag))])
    distributed.all_reduce(found)
    return bool(found > 0)
