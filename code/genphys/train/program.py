"""The command line of the trainings."""

import argparse
import sys
from pathlib import Path

import torch

from genphys.numerics import Diverged
from genphys.train import (
    classifier,
    deep_energy,
    diffusion,
    flow_matching,
    gan,
    lattice,
    parallel,
    phi4,
    rbm,
    show,
    study,
    vae,
)
from genphys.train.loop import keep_freed_memory


def main(argv=None):
    """The command line, ``python -m genphys.train rbm --help``, with its arguments or those of the process."""
    parser = argparse.ArgumentParser(
        prog="python -m genphys.train", description="Long trainings that can be interrupted and resumed."
    )
    commands = parser.add_subparsers(dest="name", required=True)
    for module in (rbm, vae, classifier, gan, diffusion, flow_matching, phi4, deep_energy, lattice, study, show):
        module.add_command(commands)
    arguments = parser.parse_args(argv)
    if arguments.folder is None:
        arguments.folder = Path("runs") / arguments.name
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    try:
        parallel.join(arguments.device)
        if parallel.size() > 1 and not arguments.several:
            raise ValueError(f"{arguments.name} runs in one process, and torchrun started {parallel.size()}")
        if arguments.several and parallel.first() and not show.has_tensorboard():
            print(show.WITHOUT_TENSORBOARD, file=sys.stderr)
        arguments.run(arguments)
    except KeyboardInterrupt as stopped:
        sys.exit(str(stopped) or 130)
    except (ValueError, FileNotFoundError, Diverged) as error:
        sys.exit(f"{parser.prog}: {error}")
    except RuntimeError as error:
        if parallel.size() == 1 or "onnection" not in str(error):
            raise
        words = "another process has ended; run the same command to go on from the last checkpoint"
        sys.exit(f"{parser.prog}: {words} ({str(error).splitlines()[0]})")
    finally:
        parallel.leave()
