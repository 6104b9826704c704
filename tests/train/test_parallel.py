"""Several processes take the steps of one, in every training: the same weights, one that writes, one that dies."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from genphys import diffusion, flows, train
from genphys.networks.unet import UNet
from genphys.train import classifier, deep_energy, flow_matching, gan, lattice, loop, parallel, phi4, rbm, unet, vae
from genphys.train.program import main

STEPS, CUT, BATCH = 20, 11, 5  # five rows are no two equal parts
DIES = 12  # in which step of the last training one of the processes is gone
COMMON = {"steps": STEPS, "batch": BATCH, "seed": 3, "every": 1e9}
CODE = str(Path(__file__).resolve().parents[2] / "code")


def images():
    return torch.rand(24, 784, generator=torch.Generator().manual_seed(1))


def labels():
    return torch.arange(24) % 10


def of_rbm(folder):
    options = {"hidden": 6, "chains": 5, "k": 2, "learning_rate": 0.1, "rate_steps": 5.0, "decay": 1e-3, "average": 8}
    train.train_rbm(images(), folder, **options, **COMMON)


def of_vae(folder, k=1, first_k=1, first_steps=0):
    options = {"k": k, "first_k": first_k, "first_steps": first_steps, "draws": 5}
    train.train_vae(images(), folder, learning_rate=1e-3, last_learning_rate=1e-5, **options, **COMMON)


def of_classifier(folder):
    train.train_classifier(images(), labels(), folder, learning_rate=1e-3, **COMMON)


def of_gan(run):
    return lambda folder: train.train_gan(images(), labels(), run, folder, shown=2, **COMMON)


def of_deep_energy(folder):
    options = {"chain": 2, "learning_rate": 1e-3, "penalty": 0.1, "decay": 0.5}
    train.train_deep_energy(images(), folder, **options, **COMMON)


def of_lattice(folder):
    train.train_lattice_flow("broken", folder, learning_rate=1e-3, **COMMON)


def of_phi4(folder):
    fields = torch.randn(20, 8, 8, generator=torch.Generator().manual_seed(1))
    train.train_phi4(fields, folder, learning_rate=1e-3, decay=0.5, T=50, **COMMON)


def of_unet(what):
    def run(folder):
        rng = torch.Generator().manual_seed(1)
        network, schedule = UNet(widths=(8, 16), classes=10, rng=rng), diffusion.cosine_schedule(50)

        def losses(network, x, given):
            if what == "flow":
                return flow_matching._losses(network, x, given, rng)
            return diffusion.loss(network, schedule, x, rng=rng, kind="velocity", labels=given)

        options = {"rng": rng, "warm_up": 5, "every": COMMON["every"], "name": "toy"}
        settings = {"steps": STEPS, "batch": BATCH, "seed": 2, "learning_rate": 3e-3}
        settings |= {"decay": 0.5, "drop": 0.3, "half": False}
        unet.train_unet(network, losses, images(), labels(), folder, settings, **options)

    return run


TRAININGS = {
    "rbm": of_rbm,
    "vae": of_vae,
    "iwae": lambda folder: of_vae(folder, k=12, first_k=4, first_steps=8),  # all samples, then resampled ones
    "classifier": of_classifier,
    "lecture": of_gan("lecture"),
    "dcgan": of_gan("dcgan"),
    "wgan-gp": of_gan("wgan-gp"),
    "conditional": of_gan("conditional"),
    "deep energy": of_deep_energy,
    "lattice": of_lattice,
    "phi4": of_phi4,
    "diffusion": of_unet("diffusion"),
    "flow": of_unet("flow"),
}


# In which of them the number of processes grows after half of the run, and in which it shrinks.
BEGUN = {"begun by one": list(TRAININGS)[::2], "begun by two": list(TRAININGS)[1::2]}


def runs(root, names, until=STEPS):
    """Each training in double precision, in a folder of its own."""
    patch = pytest.MonkeyPatch()

    def some(step, steps, state, **options):
        return loop.train(step, min(steps, until), state, **options)

    def flow(*given, **options):
        return made(*given, **options).double()

    made = flows.LatticeFlow
    for module in (rbm, vae, classifier, gan, deep_energy, lattice, phi4, unet):
        patch.setattr(module, "train", some)
    patch.setattr(flows, "LatticeFlow", flow)
    patch.setattr(deep_energy, "BUFFER", 64)
    patch.setattr(gan, "settle_normalisation", lambda *given, **options: None)  # 10 000 images after the run
    torch.set_default_dtype(torch.float64)
    try:
        for name in names:
            TRAININGS[name](Path(root) / name)
    finally:
        torch.set_default_dtype(torch.float32)
        patch.undo()


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """All trainings in one process and, by one launch of torchrun, in two; and the end of that launch."""
    root = tmp_path_factory.mktemp("runs")
    runs(root / "one", TRAININGS)
    runs(root / "begun by one", BEGUN["begun by one"], CUT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", __file__, root]
    path = os.pathsep.join([CODE, os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    runs(root / "begun by two", BEGUN["begun by two"])
    return root, done


def checkpoint(folder):
    return train.read_checkpoint(folder / "checkpoint.safetensors")


@pytest.mark.parametrize(
    "how, name",
    [("two", name) for name in TRAININGS] + [(how, name) for how, names in BEGUN.items() for name in names],
)
def test_two_processes_take_the_steps_of_one(launched, how, name):
    """The same weights, averages, chains, optimisers and draws; also where the number changes after half of the run."""
    root, done = launched
    assert (root / "complete").exists(), done.stderr
    (one, before), (two, found) = checkpoint(root / "one" / name), checkpoint(root / how / name)
    assert one.keys() == two.keys() and found["step"] == STEPS and found["settings"] == before["settings"]
    for key, tensor in one.items():
        kind = torch.uint8 if key == "tensors/samples" else torch.float64  # samples are grey values, once rounded
        if key.startswith(("modules", "tensors")) and not key.endswith("num_batches_tracked"):
            assert tensor.dtype == kind
        atol = 0 if key.startswith("generators") else 1 if kind is torch.uint8 else 1e-10
        torch.testing.assert_close(two[key].double(), tensor.double(), rtol=0, atol=atol, msg=key)
    for mine, theirs in zip(found["history"], before["history"], strict=True):
        assert mine == pytest.approx(theirs, abs=1e-10)


def test_only_the_first_process_writes(launched):
    root, _ = launched
    assert not (root / "second").exists()


def test_a_dead_process_ends_the_run_with_a_message_and_leaves_a_good_checkpoint(launched):
    root, done = launched
    assert done.returncode != 0
    assert "another process has ended; run the same command to go on from the last checkpoint" in done.stderr
    tensors, record = checkpoint(root / "dies")
    assert record["step"] == DIES and all(tensor.isfinite().all() for tensor in tensors.values())
    main(["lattice", "critical", "--folder", str(root / "dies"), "--steps", "20", "--batch", "8"])
    assert train.load_lattice_flow("critical", root / "dies")[1]["settings"]["steps"] == 20


def test_what_is_no_training_refuses_several(monkeypatch):
    monkeypatch.setattr(parallel, "size", lambda: 2)
    with pytest.raises(SystemExit, match="study runs in one process, and torchrun started 2"):
        main(["study", "ising_gan"])


def in_a_process(root):
    """What torchrun starts: all trainings twice, and one in which the second process dies."""
    parallel.join()
    here = parallel.first()
    runs(root / "two" if here else root / "second", TRAININGS)
    for how, until in (("begun by one", STEPS), ("begun by two", CUT)):
        runs(root / how if here else root / "second", BEGUN[how], until)
    if here:
        (root / "complete").touch()
    calls, action = [0], lattice.phi4.action

    def dies(*given):
        calls[0] += 1
        if calls[0] > DIES and not here:
            os._exit(1)
        return action(*given)

    lattice.phi4.action = dies
    main(["lattice", "critical", "--folder", str(root / "dies"), "--steps", "20", "--batch", "8", "--every", "0"])


if __name__ == "__main__":
    in_a_process(Path(sys.argv[1]))
