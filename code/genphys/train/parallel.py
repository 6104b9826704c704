r"""Several processes that take the steps of one: ``torchrun --nproc-per-node N -m genphys.train NAME``.

Every process holds the whole network and draws the whole batch with all its noise, which costs little, so that nothing
that is drawn depends on their number N. Each then evaluates its own part of the rows, and the gradients of the parts
are added before the step. So N processes take the step that one takes, but for the order of a sum, and a run may go on
with another N. Only the first process writes.
"""

import os

import torch
from torch import distributed

__all__: list[str] = []


def join():
    """Meet the other processes that torchrun started; alone, there is nothing to do."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized():
        distributed.init_process_group("gloo")  # the gradients are added on the processor


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
    here = distributed.get_rank()
    return slice(here * n // size(), (here + 1) * n // size())


def in_part(network):
    """The network, evaluated on this process's rows alone; the rows of the others are zero, without a gradient."""
    if size() == 1:
        return network

    def part(x, *others):
        rows = own(len(x))
        answer = network(x[rows], *(other[rows] for other in others))
        before, after = x.new_zeros(x[: rows.start].shape), x.new_zeros(x[rows.stop :].shape)
        return torch.cat([before.to(answer), answer, after.to(answer)])

    return part


@torch.no_grad()
def add(tensors):
    """Replace each tensor by its sum over the processes, in one message."""
    if size() == 1:
        return
    tensors = list(tensors)
    flat = torch.cat([tensor.flatten() for tensor in tensors]).cpu()
    distributed.all_reduce(flat)
    for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


def any_of(flag):
    """Whether the flag is set in any process."""
    if size() == 1:
        return bool(flag)
    found = torch.tensor([float(bool(flag))])
    distributed.all_reduce(found)
    return bool(found > 0)
