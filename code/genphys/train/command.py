"""What the sub-commands share: their options, and what every record says."""

from pathlib import Path
from typing import get_args

from genphys.train.place import Device, Precision


def common(parser, *, steps, seed, precision="float32"):
    """The options that every training has."""
    parser.add_argument("--folder", type=Path, default=None, help="checkpoint and results (default: runs/NAME)")
    parser.add_argument("--data", default=None, help="folder that holds MNIST/raw (default: $GENPHYS_DATA)")
    parser.add_argument("--steps", type=int, default=steps, help="steps altogether (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=seed, help="seed of the whole run (default: %(default)s)")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between checkpoints")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: PyTorch's own choice)")
    parser.add_argument("--device", choices=get_args(Device), default="cpu", help="where it runs (default: cpu)")
    parser.add_argument(
        "--precision", choices=get_args(Precision), default=precision, help="of the products (default: %(default)s)"
    )
    parser.set_defaults(parser=parser, several=True)  # several processes may share the steps


def learning_rate_option(parser, default, meaning, kind=""):
    """The option ``--learning-rate``, or another one of its ``kind``; also under its old name ``--rate``."""
    parser.add_argument(f"--{kind}learning-rate", f"--{kind}rate", type=float, default=default, help=meaning)


def half_option(parser):
    """The older names of ``--precision bfloat16`` and ``--precision float32``."""
    for name, precision in (("--half", "bfloat16"), ("--no-half", "float32")):
        words = f"older name of --precision {precision}"
        parser.add_argument(name, dest="precision", action="store_const", const=precision, help=words)


_NO_SETTINGS = {"name", "run_name", "run", "parser", "folder", "data", "every", "threads", "several"}


def describe_run(arguments, model, record, data):
    """What every record says: the command with all that differs from its defaults, settings, data, seconds, history."""
    words = ["python -m genphys.train", arguments.name, *filter(None, [getattr(arguments, "run_name", None)])]
    for name, value in vars(arguments).items():
        if name in _NO_SETTINGS or value == arguments.parser.get_default(name):
            continue
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words += [f"--{option}", Path(value).name if isinstance(value, str) else str(value)]
    return {
        "command": " ".join(words),
        "model": model,
        "settings": record["settings"] | {"steps": record["step"]},
        "data": data,
        "seconds": round(record["seconds"]),
        "history": record["history"],
    }


def without_digits(images):
    """The data of all trainings on MNIST."""
    return {"name": "MNIST training images without those of digits()", "images": len(images)}
