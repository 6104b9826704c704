"""A device without float64, played on the processor: what breaks on Apple's GPUs breaks here.

Inside ``with Emulated() as device:`` a tensor made for or moved to ``device.it`` is marked (by its storage; views and
results of operations inherit the mark). As on a real device,

- a marked tensor is never float64, and never meets an unmarked one (numbers of shape () and indices apart);
- a marked tensor is drawn by a generator of the device, an unmarked one by a generator of the processor;
- NumPy does not see a marked tensor; ``.cpu()`` and ``.to("cpu")`` copy it back, and gradients pass.

With ``making=True`` every tensor that is made is marked and float64 becomes float32: so valid calls that were written
for the processor are made anew for the device.
"""

import contextlib

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

IT = torch.device("mps")
DEVICE = torch.Tensor.device.__get__


class DeviceGenerator(torch.Generator):
    """A generator that says it lives on the device."""

    device = IT


class Marks:
    """Which storages are on the device."""

    def __init__(self):
        self.of = {}

    def __contains__(self, x):
        if x.layout is not torch.strided:
            return False
        storage = x.untyped_storage()
        known = self.of.get(storage._cdata)
        return known is not None and not known.expired()

    def add(self, x):
        if x.dtype in (torch.float64, torch.complex128):
            raise TypeError("the device has no float64")
        storage = x.untyped_storage()
        self.of[storage._cdata] = StorageWeakRef(storage)

    def drop(self, x):
        self.of.pop(x.untyped_storage()._cdata, None)


def tensors(*trees):
    return [x for x in tree_flatten(trees)[0] if isinstance(x, torch.Tensor)]


class Moved(torch.autograd.Function):
    """A copy on the other side; the gradient goes the way back."""

    @staticmethod
    def forward(ctx, x, marks, there):
        ctx.marks, ctx.there = marks, there
        with _unwatched():
            y = x.detach().clone()
        (marks.add if there else marks.drop)(y)
        return y

    @staticmethod
    def backward(ctx, slope):
        return Moved.apply(slope, ctx.marks, not ctx.there), None, None


def _unwatched():
    return torch.utils._python_dispatch._disable_current_modes()


INDEXING = (
    "aten::index",
    "aten::index_put_",
    "aten::_index_put_impl_",
    "aten::index_put",
    "aten::_unsafe_index",
    "aten::index_fill",
)  # the last: the derivative of a trace
ALIKE = ("aten::copy_",)


class _Watch(TorchDispatchMode):
    """Below autograd: results of marked tensors are marked; sides do not mix."""

    def __init__(self, marks):
        super().__init__()
        self.marks, self.making = marks, False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        given = tensors(args, kwargs)
        marked = [x for x in given if x in self.marks]
        name = function._schema.name
        if marked and not self.making and name not in INDEXING + ALIKE:
            for x in given:
                if x not in self.marks and x.ndim:
                    raise RuntimeError(f"{name}: expected all tensors on one device, found {IT} and cpu")
        result = function(*args, **kwargs)
        if name in ALIKE:
            return result
        if marked or (self.making and not given):
            for x in tensors(result):
                if not any(x is y for y in given):
                    if self.making and x.dtype is torch.float64:
                        continue
                    self.marks.add(x)
        return result


class _Names(TorchFunctionMode):
    """Above autograd: `.device`, factories with a device, moves, generators and NumPy."""

    def __init__(self, marks, watch):
        super().__init__()
        self.marks, self.watch = marks, watch

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = getattr(function, "__name__", "")
        if function == DEVICE:
            return IT if args[0] in self.marks else torch.device("cpu")
        if name in ("numpy", "__array__") and args[0] in self.marks and not self.watch.making:
            raise TypeError("cannot convert a tensor of the device to numpy: copy it to the processor first")
        if name in ("cpu", "cuda", "to", "double", "type") and isinstance(args[0], torch.Tensor):
            return self.move(name, *args, **kwargs)
        there = self.wanted(kwargs)
        generator = kwargs.get("generator")
        if generator is not None and not self.watch.making:
            on_device = there if there is not None else any(x in self.marks for x in tensors(args, kwargs))
            if isinstance(generator, DeviceGenerator) != bool(on_device):
                raise RuntimeError(f"{name}: a generator of {generator.device} for a tensor of another device")
        if self.watch.making and kwargs.get("dtype") is torch.float64:
            kwargs["dtype"] = torch.float32
        if there:
            if kwargs.get("dtype") in (torch.float64, torch.complex128):
                raise TypeError("the device has no float64")
            kwargs["device"] = "cpu"
        result = function(*args, **kwargs)
        if self.watch.making and isinstance(result, torch.Tensor) and result not in self.marks:
            with _unwatched():
                result = result.float() if result.dtype is torch.float64 else result
            self.marks.add(result)
        if there:
            for x in tensors(result):
                if x not in self.marks:
                    self.marks.add(x)
        elif there is False and name in (
            "zeros_like",
            "ones_like",
            "empty_like",
            "rand_like",
            "randn_like",
            "full_like",
        ):
            self.marks.drop(result)
        return result

    def wanted(self, kwargs):
        """True for the device, False for the processor, None where nothing is said."""
        device = kwargs.get("device")
        return None if device is None else torch.device(device).type == IT.type

    def move(self, name, x, *args, **kwargs):
        here = x in self.marks
        there, dtype = here, kwargs.pop("dtype", None)
        device = kwargs.pop("device", None)
        for value in args:
            if isinstance(value, torch.dtype):
                dtype = value
            elif isinstance(value, torch.Tensor):
                dtype, device = value.dtype, IT if value in self.marks else "cpu"
            elif isinstance(value, str | torch.device):
                device = value
        if name == "double":
            dtype = torch.float64
        if name == "cpu":
            device = "cpu"
        if device is not None:
            there = torch.device(device).type == IT.type
        if self.watch.making:
            there, dtype = here, torch.float32 if dtype is torch.float64 else dtype
        if there != here:
            if there and dtype is not None and dtype is not torch.float64:
                x = torch.Tensor.to(x, dtype)  # as one call of .to does: the type first
                dtype = None
            if there and dtype is None and x.dtype is torch.float64:
                raise TypeError("the device has no float64")
            x = Moved.apply(x, self.marks, there)
        if dtype is torch.float64 and there:
            raise TypeError("the device has no float64")
        kwargs.pop("non_blocking", None)
        return torch.Tensor.to(x, dtype, **kwargs) if dtype is not None and dtype is not x.dtype else x


class Emulated(contextlib.ExitStack):
    """The device, as a context; ``making`` is switched by :meth:`make`."""

    it = IT

    def __enter__(self):
        super().__enter__()
        self.marks = Marks()
        self.watch = _Watch(self.marks)
        self.enter_context(self.watch)
        self.enter_context(_Names(self.marks, self.watch))
        return self

    def make(self, maker):
        """What ``maker`` makes, on the device and in float32."""
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float32)
        self.watch.making = True
        try:
            return maker()
        finally:
            self.watch.making = False
            torch.set_default_dtype(before)

    def generator(self, seed=0):
        return DeviceGenerator().manual_seed(seed)
