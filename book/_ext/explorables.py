"""Explorables: models that run in the page, on a click, without a kernel and without a network.

    ```{explorable} energy
    ```

puts one of the folders of `book/explorables/` on a page: a question to answer before it moves, a still picture, and
what to notice. With JavaScript there is a button under the picture, and a click puts the model in its place. A folder
has its words (`text.yml`, in the Markdown of the pages), its program (`script.js`), and its still pictures for the
light and the dark page (`still-light.png`, `still-dark.png`, made by `stills.py`), which are also what paper shows.
The launchable notebooks have the question and a link to the page.

Weights go into a script file each, float32 in base64, straight from the package's safetensors: a browser that reads a
page from a file refuses modules and `fetch`, but takes scripts. The networks are run by the typed arrays of
`kernels.js`, 160 lines and 8 kB. ONNX Runtime Web would do the same with a WebAssembly file of 12.8 MB (version 1.24;
17 MB in base64), seven times the largest network here, which is 1.9 MB (2.5 MB in base64) and takes some 90 ms an
evaluation on two busy cores. Measured by `python book/explorables/speed.py`.
"""

import base64
import json
import shutil
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from safetensors.numpy import load_file
from sphinx.util.docutils import SphinxDirective

HERE = Path(__file__).resolve().parents[1] / "explorables"
STATIC = "_static/explorables"
SHARED = ("start.js", "common.js", "kernels.js", "style.css")
EXAMPLE = 1  # which of the images of a class is shown
FIELDS = {"title", "alt", "question", "caption", "number", "weights"}


def words(name):
    """What the folder of an explorable says: title, alt, question, caption, number and the weights that it takes."""
    found = yaml.safe_load((HERE / name / "text.yml").read_text("utf8"))
    if set(found) != FIELDS:
        raise ValueError(f"explorables/{name}/text.yml has the fields {sorted(found)}, takes {sorted(FIELDS)}")
    return found


def names():
    """The explorables that there are."""
    return sorted(path.parent.name for path in HERE.glob("*/text.yml"))


# --- the files of the site -----------------------------------------------------------------------------------------


def weights_script(name):
    """The weights of that name as a script: where each tensor begins, and all of them in base64.

    `name` is that of a file of the package's weights, or of a part of it: `gan_conditional/g` has the tensors `g/...`.
    `examples` are ten digits, one of each class, that the shipped diffusion model drew in 1 000 steps;
    `film` is what title/film.py wrote.
    """
    if name == "film":
        return (HERE / "title" / "film.js").read_text("utf8")
    if name == "examples":
        return f'genbook.weights.examples = "{base64.b64encode(examples()).decode()}";\n'
    file, _, part = name.partition("/")
    tensors = load_file(shipped(file))
    prefix = f"{part}/" if part else ""
    kept = {
        key.removeprefix(prefix): value
        for key, value in tensors.items()
        if key.startswith(prefix) and value.dtype == np.float32
    }
    at, start = {}, 0
    for key, value in kept.items():
        at[key] = [list(value.shape), start]
        start += value.size
    data = base64.b64encode(b"".join(value.astype("<f4").tobytes() for value in kept.values())).decode()
    return f"genbook.weights[{json.dumps(name)}] = {{at: {json.dumps(at)}, data: {json.dumps(data)}}};\n"


def shipped(name):
    """Where the package has the weights of that name; it need not be imported for it."""
    return Path(find_spec("genphys").origin).parent / "weights" / f"{name}.safetensors"


def examples():
    """Ten images of 784 bytes."""
    tensors = load_file(shipped("diffusion_samples"))
    images = np.frombuffer(zlib.decompress(tensors["ddpm-1000"].tobytes()), np.uint8).reshape(-1, 784)
    first = [int(np.flatnonzero(tensors["labels"] == digit)[EXAMPLE]) for digit in range(10)]
    return images[first].tobytes()


def weights_file(name):
    return f"weights-{name.replace('/', '-')}.js"


def export(folder):
    """Write everything that pages with explorables fetch to a folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        if (HERE / name).exists():
            shutil.copy(HERE / name, folder / name)
    for name in names():
        shutil.copy(HERE / name / "script.js", folder / f"{name}.js")
        for still in (HERE / name).glob("still-*.png"):
            shutil.copy(still, folder / f"{name}-{still.name}")
        for weights in words(name)["weights"]:
            (folder / weights_file(weights)).write_text(weights_script(weights), "utf8")


def scripts(name):
    """The scripts that a click fetches, in their order."""
    weights = words(name)["weights"]
    needs = {"title": ["energy.js"]}.get(name, ["kernels.js"] if set(weights) - {"examples", "film"} else [])
    return ["common.js", *needs, *map(weights_file, weights), f"{name}.js"]


def size(name):
    """How many bytes a click fetches."""
    known = {file: HERE / file for file in SHARED} | {f"{n}.js": HERE / n / "script.js" for n in names()}
    known = {file: path.stat().st_size for file, path in known.items() if path.exists()}
    known |= {weights_file(w): len(weights_script(w)) for w in words(name)["weights"]}
    return sum(known[file] for file in scripts(name))


def in_words(size):
    return f"{size / 1e6:.1f} MB" if size > 1e6 else f"{size / 1e3:.0f} kB"


# --- the page --------------------------------------------------------------------------------------------------------


class explorable(nodes.General, nodes.Element):
    """One explorable: a title, a question, a stage, and what to notice."""


class stage(nodes.General, nodes.Element):
    """Where the still picture is, and then the model."""


class ExplorableDirective(SphinxDirective):
    required_arguments = 1
    option_spec: ClassVar = {"moving": directives.flag}  # starts by itself, where motion is wanted

    def run(self):
        name = self.arguments[0]
        path = HERE / name / "text.yml"
        if not path.exists():
            raise self.error(f"there is no explorable {name!r}; there are {', '.join(names())}")
        self.env.note_dependency(str(path))
        said = words(name)
        node = explorable(
            "", name=name, title=said["title"], ids=[f"explorable-{name}"], moving="moving" in self.options
        )
        title = nodes.rubric("", said["title"], ids=[f"explorable-{name}-title"])
        title["heading-level"] = 3
        node += title
        node += self.text(said["question"], "explorable-question", path)
        node += stage("", name=name, alt=said["alt"])
        for part in ("caption", "number"):
            node += self.text(said[part], "explorable-caption", path)
        return [node]

    def text(self, words, kind, path):
        """Paragraphs in the Markdown of the page."""
        container = nodes.container("", classes=[kind])
        self.state.nested_parse(StringList(words.strip().splitlines(), str(path)), 0, container)
        return container


def visit_explorable(self, node):
    name = node["name"]
    moving = " data-moving" if node["moving"] else ""
    self.body.append(
        f'<section class="explorable" id="{node["ids"][0]}" aria-labelledby="{node["ids"][0]}-title" '
        f'data-name="{name}" data-files="{" ".join(scripts(name))}" data-size="{in_words(size(name))}"{moving}>\n'
    )


def depart_explorable(self, node):
    self.body.append("</section>\n")


def visit_stage(self, node):
    pictures = []
    for ground in ("light", "dark"):
        still = HERE / node["name"] / f"still-{ground}.png"
        if still.exists():
            width, height = (int.from_bytes(still.read_bytes()[k : k + 4], "big") // 2 for k in (16, 20))
            pictures.append(
                f'<img class="on-{ground} dark-light" src="{STATIC}/{node["name"]}-still-{ground}.png" '
                f'alt="{self.attval(node["alt"])}" width="{width}" height="{height}" loading="lazy" decoding="async">'
            )
    self.body.append('<div class="explorable-stage">' + "".join(pictures))


def depart_stage(self, node):
    self.body.append("</div>\n")


def assets(app, pagename, templatename, context, doctree):
    """The style and the first script, on the pages that have an explorable."""
    if doctree is not None and next(doctree.findall(explorable), None) is not None:
        app.add_css_file("explorables/style.css")
        app.add_js_file("explorables/start.js")


def finish(app, exception):
    if exception is None and app.builder.name == "html":
        export(Path(app.outdir, STATIC))


def setup(app):
    app.add_node(explorable, html=(visit_explorable, depart_explorable))
    app.add_node(stage, html=(visit_stage, depart_stage))
    app.add_directive("explorable", ExplorableDirective)
    app.connect("html-page-context", assets)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
