"""One promise on bad input, kept by every public callable: a ValueError that names the argument and what it got."""

import runpy
from pathlib import Path

import promise
import pytest
import torch

from genphys.numerics import Diverged

CALLABLES = promise.callables()
ROWS = {
    f"{path.stem}.{name}": row
    for path in sorted((Path(__file__).parent / "calls").glob("*.py"))
    for name, row in runpy.run_path(str(path))["CALLS"].items()
}

ON_TOP = ("exercises", "figures", "train", "verify")  # what draws, trains and judges; the rest computes


@pytest.mark.parametrize("name", sorted(CALLABLES))
def test_every_public_callable_has_a_valid_call(name):
    assert name in ROWS, f"tests/calls/{name.split('.')[0]}.py has no row for {name}"


def test_every_row_is_a_public_callable():
    assert sorted(set(ROWS) - set(CALLABLES)) == []


@pytest.mark.parametrize("name", sorted(set(ROWS) & set(CALLABLES)))
def test_the_valid_call_is_accepted_and_leaves_the_global_stream_alone(name):
    call = ROWS[name].make()
    before = torch.get_rng_state()
    promise.run(CALLABLES[name], call)
    assert torch.equal(before, torch.get_rng_state()), "the global random stream was used"


@pytest.mark.parametrize("name", sorted(set(ROWS) & set(CALLABLES)))
def test_each_argument_spoiled_is_refused_by_name(name):
    function, row = CALLABLES[name], ROWS[name]
    wrong = []
    for argument, place in promise.names_of(function, row.make()):
        valid = row.make()
        value = valid.kwargs[place] if isinstance(place, str) else valid.args[place]
        for spoiling, bad in promise.spoilings(value):
            if spoiling in row.allow.get(argument, ()):
                continue
            call = row.make()  # anew: a generator or a network of the last call has been used
            args, kwargs = list(call.args), dict(call.kwargs)
            if isinstance(place, str):
                kwargs[place] = bad
            else:
                args[place] = bad
            try:
                promise.run(function, promise.Args(tuple(args), kwargs))
            except ValueError as error:
                if type(error).__module__.split(".")[0] not in ("builtins", "genphys") or argument not in str(error):
                    wrong.append(f"{argument} {spoiling}: the message does not name it: {error}")
            except Exception as error:
                wrong.append(f"{argument} {spoiling}: {type(error).__name__}: {error}")
            else:
                wrong.append(f"{argument} {spoiling}: accepted")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(name for name in ROWS if name.split(".")[0] not in ON_TOP))
def test_degenerate_tensors_are_taken_or_refused_in_the_same_words(name):
    """One argument at a time, and all at once: constant, equal, near to overflow, and lost in rounding."""
    function, row = CALLABLES[name], ROWS[name]
    call = row.make()
    tensors = [place for _, place in promise.names_of(function, call) if _is_floating(_at(call, place))]
    if not tensors:
        pytest.skip("takes no floating tensor")
    wrong = []
    for places in [[place] for place in tensors] + [tensors]:
        for kind, _ in promise.degenerate(torch.ones(2, 2)):
            call = row.make()
            args, kwargs = list(call.args), dict(call.kwargs)
            for place in places:
                bad = dict(promise.degenerate(_at(call, place))).get(kind)
                (kwargs if isinstance(place, str) else args)[place] = _at(call, place) if bad is None else bad
            try:
                promise.run(function, promise.Args(tuple(args), kwargs))
            except (ValueError, Diverged) as error:
                if type(error).__module__.split(".")[0] not in ("builtins", "genphys"):
                    wrong.append(f"{places} {kind}: {type(error).__name__}: {error}")
            except Exception as error:
                wrong.append(f"{places} {kind}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


def _at(call, place):
    return call.kwargs[place] if isinstance(place, str) else call.args[place]


def _is_floating(value):
    return isinstance(value, torch.Tensor) and value.is_floating_point()


@pytest.mark.parametrize("name", sorted(set(ROWS) & set(CALLABLES)))
def test_a_missing_source_of_chance_is_refused(name):
    call = ROWS[name].make()
    if "rng" not in call.kwargs or "rng" in ROWS[name].allow:
        pytest.skip("takes no source of chance, or says why it may be left out")
    kwargs = {k: v for k, v in call.kwargs.items() if k != "rng"}
    with pytest.raises(ValueError, match="rng"):
        promise.run(CALLABLES[name], promise.Args(call.args, kwargs))
