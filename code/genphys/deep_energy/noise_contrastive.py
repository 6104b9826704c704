r"""Noise-contrastive estimation: tell data from noise of known density, and Z becomes one more parameter.

References:
    Gutmann and Hyvärinen (2010).
"""

import torch.nn.functional as F

from genphys.arguments import doors, tensor


def noise_contrastive_loss(data_logit: tensor("n"), noise_logit: tensor("m")):
    r"""The loss of telling data from as much noise, in nats (``def:noise-contrast``).

    .. math:: \langle\operatorname{softplus}(-\ell)\rangle_\mathrm{data}
        + \langle\operatorname{softplus}(\ell)\rangle_\mathrm{noise} , \qquad
        \ell(\mathbf{x}) = \log f(\mathbf{x};\Theta) - c - \log q(\mathbf{x}) ,

    with the number :math:`c` in the place of :math:`\log Z`, learnt with the others.
    """
    return F.softplus(-data_logit).mean() + F.softplus(noise_logit).mean()


doors(globals())
