"""Records, shown: ``python -m genphys.train show RUN`` for a shipped one or a folder; and curves for TensorBoard."""

import json
from contextlib import contextmanager
from importlib import resources, util
from pathlib import Path

from genphys.arguments import doors, require
from genphys.train import parallel
from genphys.train.files import read_checkpoint

__all__ = ["read_record", "show_record"]

WITHOUT_TENSORBOARD = "no TensorBoard here: the curves are in the record alone (pip install tensorboard brings them)"


def read_record(run: Path | str):
    """The record of a training, by the name of its shipped weights or by the folder that it writes to.

    A folder whose training has not ended gives what its checkpoint says: ``step``, ``settings``, ``seconds`` and
    ``history``.

    Args:
        run: Such as ``"iwae"`` or ``"runs/vae"``.

    Returns:
        The name and the record.
    """
    shipped = Path(str(resources.files("genphys") / "weights"))
    folder = Path(run)
    if folder.is_dir():
        found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
        found = {name: record for name, record in found.items() if "history" in record}
        if found:
            return next(iter(found.items()))
        require((folder / "checkpoint.safetensors").exists(), "run", folder.name, "a folder with a record in it")
        return folder.name, read_checkpoint(folder / "checkpoint.safetensors")[1]
    path = shipped / f"{run}.json"
    names = ", ".join(sorted(file.stem for file in shipped.glob("*.json")))
    require(path.is_file(), "run", str(run), f"a folder, or one of the shipped records: {names}")
    return path.stem, json.loads(path.read_text(encoding="utf-8"))


def show_record(run: Path | str, picture: Path | str | None = None):
    """A record as lines of text, and its curves as a picture.

    Args:
        run: See :func:`read_record`.
        picture: The file that the curves are drawn to (``.png``, ``.pdf``, ``.svg``); none where left out, or where the
            record has no curves.

    Returns:
        The text: the chain of commands that made the weights, what was measured, and some rows of the history.
    """
    name, record = read_record(run)
    history = record.get("history", [])
    lines = [name, *_chain(record)]
    for key in ("model", "data", "settings", "step", "metrics", "evaluation", "versions"):
        if key in record:
            lines.append(f"{key}: {_words(record[key])}")
    if history:
        columns = list(dict.fromkeys(key for row in history for key in row))
        shown = [history[i] for i in sorted({round(k * (len(history) - 1) / 9) for k in range(10)})]
        lines.append("".join(f"{column:>16}" for column in columns))
        lines += ["".join(f"{_number(row.get(column)):>16}" for column in columns) for row in shown]
        if picture is not None:
            _draw(name, history, [column for column in columns if column != "step"], picture)
    return "\n".join(lines)


def _chain(record):
    """The commands from random weights on, each with its minutes."""
    chain = []
    while record:
        minutes = f"{record['seconds'] / 60:.0f} min" if isinstance(record.get("seconds"), int | float) else ""
        chain.append(f"{record.get('command', 'not ended')}  {minutes}".rstrip())
        record = record.get("before")
    return [f"{'then ' if place else ''}{words}" for place, words in enumerate(reversed(chain))]


def _words(value):
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items() if not isinstance(each, dict | list))
    return _number(value)


def _number(value):
    return "" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)


def _draw(name, history, columns, picture):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 2.2 * len(columns)), layout="constrained")
    for place, column in zip(figure.subplots(len(columns), 1, sharex=True, squeeze=False)[:, 0], columns, strict=True):
        rows = [row for row in history if column in row]
        place.plot([row["step"] for row in rows], [row[column] for row in rows])
        place.set_ylabel(column.replace("_", " "))
    place.set_xlabel("step")
    figure.suptitle(name)
    Path(picture).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture)


@contextmanager
def curves(folder, step):
    """A function that writes numbers at a step to where TensorBoard looks; without TensorBoard it does nothing.

    Args:
        folder: That of the training; ``tensorboard --logdir runs`` shows all of them.
        step: The step that the training goes on from: what was drawn after it, before an interruption, is forgotten.
    """
    if not parallel.first() or not has_tensorboard():
        yield lambda step, numbers: None
        return
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder), purge_step=step + 1) as writer:

        def write(step, numbers):
            for name, value in numbers.items():
                writer.add_scalar(name, value, step)

        yield write


def has_tensorboard():
    """Whether TensorBoard is installed, which is optional."""
    return util.find_spec("tensorboard") is not None


def _command(arguments):
    picture = arguments.picture or Path("runs") / "show" / f"{Path(arguments.run_name).name}.png"
    print(show_record(arguments.run_name, picture))
    if picture.exists():
        print(f"curves: {picture}")


def add_command(commands):
    """Add the sub-command and its options."""
    parser = commands.add_parser("show", help="print and plot the record of a training")
    parser.add_argument("run_name", metavar="RUN", help="the name of shipped weights, or the folder of a training")
    parser.add_argument("--picture", type=Path, default=None, help="file of the curves (default: runs/show/RUN.png)")
    parser.set_defaults(run=_command, folder=None, threads=None, several=False, device="cpu")


doors(globals())
