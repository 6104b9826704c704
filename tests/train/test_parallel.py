"""Several processes take the steps of one: the same weights, one that writes, and a change of their number."""

import os
import socket
import subprocess
import sys

import pytest
import torch

from genphys import diffusion, train
from genphys.networks.unet import UNet
from genphys.train import flow_matching
from genphys.train.unet import train_unet

SETTINGS = {"batch": 6, "learning_rate": 3e-3, "decay": 0.5, "drop": 0.3, "seed": 2, "half": False}


def run(what, folder, until=20):
    """Twenty steps of a small network in double precision."""
    torch.set_default_dtype(torch.float64)
    try:
        rng = torch.Generator().manual_seed(1)
        images, labels = torch.rand(20, 784, generator=rng), torch.arange(20) % 10
        network, schedule = UNet(widths=(8, 16), classes=10, rng=rng), diffusion.cosine_schedule(50)

        def losses(network, x, given):
            if what == "flow":
                return flow_matching._losses(network, x, given, rng)
            return diffusion.loss(network, schedule, x, rng=rng, kind="velocity", labels=given)

        settings = SETTINGS | {"steps": 20}
        averaged, record = train_unet(
            network, losses, images, labels, folder, settings, rng=rng, until=until, warm_up=5, every=0.0, name="toy"
        )
    finally:
        torch.set_default_dtype(torch.float32)
    return torch.cat([tensor.flatten() for tensor in averaged.state_dict().values()]), record


def in_processes(n, what, folders, until=20):
    """The same run in n processes, each with a folder; torchrun would set the same variables."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meet = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(n), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, __file__, what, str(until)]
    workers = [
        subprocess.Popen([*words, str(folder)], env=os.environ | meet | {"RANK": str(k), "LOCAL_RANK": str(k)})
        for k, folder in enumerate(folders)
    ]
    assert [worker.wait(timeout=300) for worker in workers] == [0] * n


def averaged_in(folder):
    tensors, record = train.read_checkpoint(folder / "checkpoint.safetensors")
    order = UNet(widths=(8, 16), classes=10, rng=torch.Generator()).state_dict()
    return torch.cat([tensors[f"modules/averaged/{name}"].flatten() for name in order]), record


@pytest.mark.parametrize("what", ["flow", "diffusion"])
def test_two_processes_take_the_steps_of_one_and_one_of_them_writes(what, tmp_path):
    one, record = run(what, tmp_path / "one")
    in_processes(2, what, [tmp_path / "first", tmp_path / "second"])
    both, found = averaged_in(tmp_path / "first")
    assert both.dtype == torch.float64
    torch.testing.assert_close(both, one, rtol=0, atol=1e-10)
    for mine, theirs in zip(found["history"], record["history"], strict=True):
        assert mine == pytest.approx(theirs, abs=1e-10)
    assert not (tmp_path / "second").exists()


def test_a_run_goes_on_with_another_number_of_processes(tmp_path):
    one, _ = run("flow", tmp_path / "one")
    in_processes(3, "flow", [tmp_path / "cut"] * 3, until=11)
    resumed, record = run("flow", tmp_path / "cut")
    assert record["step"] == 20
    torch.testing.assert_close(resumed, one, rtol=0, atol=1e-10)


def test_a_training_of_one_process_refuses_several(monkeypatch):
    from genphys.train import parallel, program

    monkeypatch.setattr(parallel, "size", lambda: 2)
    with pytest.raises(SystemExit, match="rbm runs in one process, and torchrun started 2"):
        program.main(["rbm"])


if __name__ == "__main__":
    from genphys.train import parallel

    parallel.join()
    run(sys.argv[1], sys.argv[3], int(sys.argv[2]))
    parallel.leave()
