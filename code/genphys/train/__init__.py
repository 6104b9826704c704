r"""Long trainings that can be interrupted: ``python -m genphys.train NAME``.

A training is a function ``step(i)`` that takes step :math:`i` of :math:`n` and a :class:`State` that names everything
the step changes: modules, optimisers, generators and tensors. :func:`train` runs the steps with a progress bar and
writes the state to one file, which replaces the last one only when it is complete. A run that was interrupted and
resumed is equal, bit for bit, to one that was not, since everything that is not in the state is a function of
:math:`i`: the learning rate, and the rows of the mini-batch (:class:`Shuffled`). One that diverges stops at that step,
and the last finite state stays on disk.

A training runs where ``--device`` says, in ``--precision``; chance is drawn on the processor and moved, so that the
seed gives the same run everywhere but for rounding. Each may be shared by several processes, ``torchrun
--nproc-per-node N -m genphys.train NAME``: every process draws the whole batch and its noise and evaluates a part of
the rows, and the gradients are added, so that N processes take the step of one. ``show RUN`` prints and plots a record.

The general part is in ``loop`` (:class:`State`, :func:`train`, :class:`Shuffled`, averages of the weights) and in
``files`` (checkpoints, and weights with a record of where they come from). Each model has a module of its own with its
training, its evaluation, the loading of what is shipped, and the sub-command; ``study`` holds what is repeated over
seeds.
"""

from genphys.train.classifier import load_classifier, train_classifier
from genphys.train.deep_energy import load_deep_energy, train_deep_energy
from genphys.train.diffusion import (
    DIFFUSION_SAMPLES,
    diffusion_unet,
    draw_digits,
    evaluate_diffusion,
    load_diffusion,
    load_diffusion_samples,
    train_diffusion,
)
from genphys.train.files import load_weights, read_checkpoint, write_checkpoint, write_weights
from genphys.train.flow_matching import (
    digit_velocity,
    evaluate_flow_matching,
    flow_digits,
    load_flow_matching,
    train_flow_matching,
)
from genphys.train.gan import GAN_RUNS, evaluate_gan, gan_networks, load_gan, settle_normalisation, train_gan
from genphys.train.lattice import (
    LATTICE_RUNS,
    draw_with_density,
    evaluate_lattice_flow,
    load_lattice_flow,
    long_chains,
    study_phi4_chains,
    study_phi4_weights,
    train_lattice_flow,
)
from genphys.train.loop import Shuffled, State, keep_freed_memory, move_average, train
from genphys.train.one_lattice.runs import load_one_lattice
from genphys.train.phi4 import (
    PHI4,
    PHI4_CHAIN,
    PHI4_SAMPLERS,
    describe_phi4,
    evaluate_phi4,
    load_phi4,
    phi4_unet,
    sample_phi4,
    train_phi4,
)
from genphys.train.rbm import evaluate_rbm, train_rbm
from genphys.train.show import read_record, show_record
from genphys.train.study import (
    load_study,
    study_diffusion_copies,
    study_first_gan,
    study_gan_copies,
    study_ising_gan,
    study_vae_collapse,
    study_vae_rate_distortion,
)
from genphys.train.vae import burda_vae, evaluate_vae, load_vae, train_vae

__all__ = [
    "DIFFUSION_SAMPLES",
    "GAN_RUNS",
    "LATTICE_RUNS",
    "PHI4",
    "PHI4_CHAIN",
    "PHI4_SAMPLERS",
    "Shuffled",
    "State",
    "burda_vae",
    "describe_phi4",
    "diffusion_unet",
    "digit_velocity",
    "draw_digits",
    "draw_with_density",
    "evaluate_diffusion",
    "evaluate_flow_matching",
    "evaluate_gan",
    "evaluate_lattice_flow",
    "evaluate_phi4",
    "evaluate_rbm",
    "evaluate_vae",
    "flow_digits",
    "gan_networks",
    "keep_freed_memory",
    "load_classifier",
    "load_deep_energy",
    "load_diffusion",
    "load_diffusion_samples",
    "load_flow_matching",
    "load_gan",
    "load_lattice_flow",
    "load_one_lattice",
    "load_phi4",
    "load_study",
    "load_vae",
    "load_weights",
    "long_chains",
    "move_average",
    "phi4_unet",
    "read_checkpoint",
    "read_record",
    "sample_phi4",
    "settle_normalisation",
    "show_record",
    "study_diffusion_copies",
    "study_first_gan",
    "study_gan_copies",
    "study_ising_gan",
    "study_phi4_chains",
    "study_phi4_weights",
    "study_vae_collapse",
    "study_vae_rate_distortion",
    "train",
    "train_classifier",
    "train_deep_energy",
    "train_diffusion",
    "train_flow_matching",
    "train_gan",
    "train_lattice_flow",
    "train_phi4",
    "train_rbm",
    "train_vae",
    "write_checkpoint",
    "write_weights",
]
