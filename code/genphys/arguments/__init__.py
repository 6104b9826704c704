r"""The argument checks of the package: each public function is checked once, at its door.

A signature says what each argument takes::

    def mmd2(real: points("n d"), generated: points("m d"), bandwidth: positive): ...

and the last line of a file, ``doors(globals())``, holds the calls of all that is public in it to what is said.

A letter or name in a shape stands for one size in the whole call; a name that is an attribute of ``self`` (``visible``)
stands for its value. The floating tensors of a call share type and device, also with the parameters of ``self`` (or
its tensor ``like``). What does not fit raises a ``ValueError`` with the argument's name, what it got and what it takes.
"""

from .door import batches, checked, doors, unchecked
from .vocabulary import (
    Takes,
    count,
    covariance,
    function,
    interval,
    is_distribution,
    iterable,
    label,
    many,
    number,
    numbers_or_tensor,
    owner,
    points,
    positive,
    positive_definite,
    probabilities,
    require,
    source,
    takes,
    tensor,
    together,
)
