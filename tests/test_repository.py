"""The repository itself: one address, one set of pins, valid workflows, nothing pickled, nothing large."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from glob import glob
from pathlib import Path
from xml.etree import ElementTree

import pytest
import serve
import tomllib
import write_address
import yaml
from address import owner_and_name, plain, published, repository

ROOT = Path(__file__).resolve().parents[1]
OWNER, NAME = owner_and_name(repository()[0])
LARGEST = 4 * 2**20  # bytes


def script(name):
    spec = importlib.util.spec_from_file_location(f"script_{name}", ROOT / ".github" / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


archive, colab, lowest = script("archive"), script("colab"), script("lowest")


@pytest.fixture(scope="module")
def files():
    """Every file that is or would be committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this is no git checkout, so what it contains is not known: {done.stderr.strip()}")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def texts(files, *suffixes):
    for file in files:
        if not suffixes or file.suffix in suffixes:
            try:
                yield file, file.read_text("utf8")
            except UnicodeDecodeError:
                continue


# --- the address ----------------------------------------------------------------------------------------------------


def test_the_address_stands_in_one_place(files):
    """Elsewhere it is only in what is written from there: README, CITATION.cff and the notebooks."""
    spelt = re.compile(rf"{re.escape(OWNER)}(?:/|%2F|\.github\.io/){re.escape(NAME)}", re.IGNORECASE)
    written = {ROOT / "README.md", ROOT / "CITATION.cff", *(ROOT / "book").glob("*.ipynb")}
    found = {str(f.relative_to(ROOT)): len(spelt.findall(text)) for f, text in texts(files) if f not in written}
    assert {name: n for name, n in found.items() if n} == {"book/_config.yml": 1}


@pytest.mark.parametrize("name", ["README.md", "CITATION.cff"])
def test_what_is_written_from_the_address_is_in_step(name):
    present = {n: (ROOT / n).read_text("utf8") for n in ("README.md", "CITATION.cff")}
    assert write_address.derive(present, *repository())[name] == present[name], "run `make address`"


def test_one_line_moves_the_book_to_another_address():
    present = {n: (ROOT / n).read_text("utf8") for n in ("README.md", "CITATION.cff")}
    moved = write_address.derive(present, "https://github.com/University/course", "trunk")
    for name, text in moved.items():
        assert f"{OWNER}/{NAME}" not in text and f"{OWNER}.github.io" not in text
        assert "https://github.com/University/course" in text, name
        assert "https://university.github.io/course/" in text, name
    assert "git clone https://github.com/University/course && cd course\n" in moved["README.md"]
    assert "/gh/University/course/trunk?" in moved["README.md"] and "/course/blob/trunk/book/" in moved["README.md"]
    assert write_address.derive(moved, *repository()) == present


def test_an_impossible_address_or_a_missing_place_is_refused():
    present = {n: (ROOT / n).read_text("utf8") for n in ("README.md", "CITATION.cff")}
    for url in ("https://example.org/a/b", "github.com/a/b", "https://github.com/a"):
        with pytest.raises(ValueError, match=r"repository.url in book/_config.yml is"):
            write_address.derive(present, url, "main")
    with pytest.raises(ValueError, match=r"CITATION.cff has 0 lines like"):
        write_address.derive(present | {"CITATION.cff": "title: nothing"}, *repository())
    with pytest.raises(ValueError, match=r"README.md has 2 lines like"):
        twice = present["README.md"] + "\ngit clone A && cd B\n"
        write_address.derive(present | {"README.md": "git clone A && cd B\n" + twice}, *repository())


def test_the_readme_leads_somewhere():
    """Its links are defined and used, its files, chapters and make targets exist."""
    text = (ROOT / "README.md").read_text("utf8")
    links = write_address.links(*repository())
    assert set(re.findall(r"\]\[([\w-]+)\]", text)) == set(links)
    local = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r"`((?:book|code)/[\w./]+)`", text)
    missing = [p for p in local if "NAME" not in p and not (ROOT / p).exists()]
    assert not missing and len(local) > 4
    assert (ROOT / write_address.FIRST_CHAPTER).with_suffix(".md").exists()
    assert links["book"] == published(repository()[0])
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf8"), flags=re.MULTILINE))
    used = {word for line in re.findall(r"\bmake ([a-z][a-z -]*)", text) for word in line.split()[:1]}
    listed = re.search(r"`make help` lists the rest:([\s\S]*?)\. ", text)[1]
    used |= set(re.findall(r"`([a-z-]+)`", listed))
    assert {"book", "test", "address", "notebooks", "help", "serve"} <= used <= targets


def test_make_serve_watches_every_source_of_the_pages(files):
    book, package = ROOT / "book", ROOT / "code" / "genphys"
    sources = {f for f in files if book in f.parents and f.suffix not in (".ipynb", ".po")}
    sources |= {f for f in files if package in f.parents and f.suffix == ".py"}
    watched = {os.path.normpath(f) for pattern in serve.WATCHED for f in glob(str(book / pattern), recursive=True)}
    assert len(sources) > 200 and {str(f) for f in sources} - watched == set()


def test_the_readme_fits_a_screen():
    assert len((ROOT / "README.md").read_text("utf8").splitlines()) <= 65


# --- what must not be there -----------------------------------------------------------------------------------------


def test_the_folder_code_is_no_package(files):
    """A package called `code` would hide the module of the standard library and break pdb and pytest."""
    assert not (ROOT / "code" / "__init__.py").exists()
    done = subprocess.run(
        [sys.executable, "-c", "import code; print(code.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stdout.startswith(str(ROOT))


UNPICKLES = re.compile(
    r"^\s*(?:import|from)\s+(?:pickle|cPickle|dill|cloudpickle|joblib|shelve)\b|torch\.(?:load|save)\(|"
    r"\.(?:read_pickle|to_pickle)\(|allow_pickle\s*=\s*True",
    re.MULTILINE,
)


def test_nothing_is_pickled_or_unpickled(files):
    found = [
        str(f.relative_to(ROOT)) for f, text in texts(files, ".py", ".md", ".ipynb", ".sh") if UNPICKLES.search(text)
    ]
    assert not found
    assert not [f for f in files if f.suffix in {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".npy", ".npz"}]


@pytest.mark.parametrize(
    "line", ["import pickle", "    from joblib import load", "x = torch." + "load(f)", "torch." + "save(x, f)"]
)
def test_pickles_would_be_found(line):
    assert UNPICKLES.search("a = 1\n" + line + "\n")


def test_no_file_is_large(files):
    assert [str(f.relative_to(ROOT)) for f in files if f.stat().st_size > LARGEST] == []


def test_no_file_names_a_private_place(files):
    """No path of somebody's machine and no stray conflict marker."""
    here = f"|{re.escape(str(ROOT))}/" if len(ROOT.parts) > 2 else ""
    private = re.compile(rf"(?<![\w.])/(?:root|home/(?!jovyan)\w+|Users/\w+)/{here}|^<{{7}} |^>{{7}} ", re.MULTILINE)
    found = {
        str(f.relative_to(ROOT)): private.findall(text) for f, text in texts(files) if f.name != Path(__file__).name
    }
    assert {name: hits for name, hits in found.items() if hits} == {}


# --- versions -------------------------------------------------------------------------------------------------------


def pins():
    lines = (ROOT / "requirements.txt").read_text("utf8").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def hashed(text):
    """{package: (version, marker)} of a list with hashes."""
    named = {}
    for entry in text.replace(" \\\n", " ").splitlines():
        what, *hashes = re.split(r" +--hash=", entry)
        assert hashes and all(re.fullmatch("sha256:[0-9a-f]{64}", h) for h in hashes), entry[:80]
        name, version, marker = re.fullmatch(r"([\w.-]+)==([\w.]+)(?: ; (.*))?", what.strip()).groups()
        named[normal(name)] = version, marker
    return named


def test_what_is_installed_is_known_by_its_hashes():
    """What `make` installs has the versions of the pins, and beside them only what one system or PyTorch brings."""
    named = hashed((ROOT / ".ci" / "hashes.txt").read_text("utf8"))
    pinned = {normal(line.split("==")[0]): line.split("==")[1].split(";")[0].strip() for line in pins()}
    assert {name: version for name, (version, _) in named.items() if name in pinned} == pinned, "run `make pins`"
    more = {name for name, (_, marker) in named.items() if name not in pinned and not marker}
    assert more == {"setuptools", "wheel"}, "give these a line in requirements.txt, too"
    assert "pip install --quiet --no-deps --require-hashes -r" in (ROOT / "Makefile").read_text("utf8")


def test_the_build_for_processors_leaves_out_what_comes_from_elsewhere():
    command = re.search(r"^WITHOUT_CUDA := awk '(.*)'$", (ROOT / "Makefile").read_text("utf8"), re.M)[1]
    if shutil.which("awk") is None:
        pytest.skip("awk is missing")
    done = subprocess.run(["awk", command, ".ci/hashes.txt"], cwd=ROOT, capture_output=True, text=True, check=True)
    everything, left = hashed((ROOT / ".ci" / "hashes.txt").read_text("utf8")), hashed(done.stdout)
    out = set(everything) - set(left)
    assert {"torch", "torchvision", "triton"} <= out and not out & {"numpy", "torchmetrics", "setuptools"}
    assert all(re.match("torch(vision)?$|triton|nvidia|cuda", name) for name in out)


def test_requirements_pin_every_package_exactly():
    pinned = re.compile(r"[A-Za-z0-9][\w.-]*==[0-9][\w.]*(\s*;.*)?")
    assert [line for line in pins() if not pinned.fullmatch(line)] == []
    names = [normal(line.split("==")[0]) for line in pins()]
    assert sorted(names) == sorted(set(names))


def test_the_package_gives_ranges_only_and_each_pin_lies_in_its_range():
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "code" / "pyproject.toml").read_text("utf8"))["project"]
    pinned = {normal(line.split("==")[0]): line.split("==")[1].split(";")[0].strip() for line in pins()}
    wanted = [*project["dependencies"], *(r for group in project["optional-dependencies"].values() for r in group)]
    assert len(wanted) >= 8
    for requirement in map(Requirement, wanted):
        assert requirement.specifier and all(s.operator not in ("==", "===", "~=") for s in requirement.specifier)
        assert requirement.specifier.contains(pinned[normal(requirement.name)]), requirement


def test_binder_has_the_pins_of_the_book():
    """It has none of its own: it names the package, and the book's pins constrain what that needs."""
    lines = (ROOT / ".binder" / "requirements.txt").read_text("utf8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    makefile = (ROOT / "Makefile").read_text("utf8")
    wheels = re.search(r"https://download\.pytorch\.org/whl/cpu", makefile)[0]
    assert lines == [f"--extra-index-url {wheels}", "--constraint ../requirements.txt", "-e ./code"]
    assert (ROOT / ".binder" / "../requirements.txt").resolve() == ROOT / "requirements.txt"
    assert (ROOT / "code" / "pyproject.toml").exists()


def test_binder_and_the_tests_run_one_python():
    runtime = (ROOT / ".binder" / "runtime.txt").read_text("utf8").strip()
    image = workflow("tests")["jobs"]["test"]["container"]
    assert re.fullmatch(r"python-3\.\d+", runtime)
    assert image.startswith(runtime.replace("python-", "python:") + "-")


def test_binder_opens_the_folder_of_the_chapters(tmp_path):
    environment = os.environ | {"NB_PYTHON_PREFIX": str(tmp_path)}
    assert os.access(ROOT / ".binder" / "postBuild", os.X_OK)
    subprocess.run([ROOT / ".binder" / "postBuild"], env=environment, check=True)
    settings = {p.name: yaml.safe_load(p.read_text("utf8")) for p in (tmp_path / "etc/jupyter").iterdir()}
    assert settings == {
        "jupyter_lab_config.json": {"LabApp": {"default_url": "/lab/tree/book"}},
        "jupyter_notebook_config.json": {"JupyterNotebookApp": {"default_url": "/lab/tree/book"}},
    }


FREEZE = """\
# made by pip freeze
matplotlib==3.10.0
matplotlib-inline==0.2.1
numpy==2.0.2
pytorch-lightning==2.1.0
torch @ https://download.pytorch.org/whl/cu118/torch-2.1.0%2Bcu118-cp310-cp310-linux_x86_64.whl#sha256=a81b
torchvision==0.24.0+cu126
tqdm==4.67.1
"""


def test_the_versions_of_colab_are_read_from_its_list():
    names = ["numpy", "torch", "torchvision", "matplotlib", "mlxtend"]
    expected = ["numpy==2.0.2", "torch==2.1.0", "torchvision==0.24.0", "matplotlib==3.10.0"]
    assert colab.requirements(FREEZE, names) == expected
    assert {"torch", "numpy", "mlxtend"} <= set(colab.dependencies())
    with pytest.raises(ValueError, match="no output of pip freeze"):
        colab.requirements("<html>404</html>", names)


def test_the_lowest_versions_are_those_of_the_ranges():
    project = {"dependencies": ["a>=1.2", "b-c >= 3,<4"], "optional-dependencies": {"x": ["d>=0.5"]}}
    assert lowest.lowest(project) == ["a==1.2", "b-c==3", "d==0.5"]
    with pytest.raises(ValueError, match="'a<2' names no lowest version"):
        lowest.lowest({"dependencies": ["a<2"]})
    weekly = workflow("weekly")["jobs"]["lowest"]
    assert weekly["steps"][1]["with"]["python-version"] == requires_python()
    assert f"LOWEST_PYTHON ?= python{requires_python()}\n" in (ROOT / "Makefile").read_text("utf8")


def requires_python():
    project = tomllib.loads((ROOT / "code" / "pyproject.toml").read_text("utf8"))["project"]
    return project["requires-python"].removeprefix(">=")


def test_citation_and_licences():
    import genphys

    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= set(cff)
    assert cff["version"] == genphys.__version__
    config = yaml.safe_load((ROOT / "book" / "_config.yml").read_text("utf8"))
    assert cff["title"] == config["title"]
    families = ("energy models", "Boltzmann", "autoencoders", "adversarial networks", "diffusion models", "flows")
    assert all(family in cff["abstract"] for family in families)
    assert cff["license"] == ["MIT", "CC-BY-NC-4.0"]
    code, text = ((ROOT / name).read_text("utf8") for name in ("LICENSE", "LICENSE-TEXT"))
    assert code.startswith("MIT License") and "LICENSE-TEXT" in code
    assert "https://creativecommons.org/licenses/by-nc/4.0/legalcode" in text and "see LICENSE." in text
    for year in (code, text):
        assert f"Copyright (c) {config['copyright']} {cff['authors'][0]['name']}" in year


# --- workflows ------------------------------------------------------------------------------------------------------


def workflow(name):
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text("utf8"))


def actionlint(*paths):
    """actionlint with shellcheck, both of the environment's own bin folder (they come with requirements.txt)."""
    folder = Path(sys.executable).parent
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    found = shutil.which("actionlint", path=path)
    if found is None:
        pytest.skip("actionlint is not installed: `make test` installs it from requirements.txt")
    return subprocess.run([found, *paths], cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True)


def test_the_workflows_pass_actionlint():
    paths = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    assert [p.stem for p in paths] == ["publish", "tests", "weekly"]
    done = actionlint(*paths)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "good, bad",
    [
        ("ubuntu-24.04", "ubuntu-lates"),
        ("runs-on", "run-on"),
        ("secrets.X", "steps.nobody.outputs.x"),
        ("$HOME", "$(ls *"),
    ],
)
def test_actionlint_would_find_a_fault(tmp_path, good, bad):
    steps = "[{run: 'echo ${{ secrets.X }}'}, {run: 'echo \"$HOME\"'}]"
    text = f"name: x\non: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps: {steps}\n"
    file = tmp_path / "x.yml"
    file.write_text(text)
    assert actionlint(file).returncode == 0
    file.write_text(text.replace(good, bad))
    assert actionlint(file).returncode != 0


def test_the_workflows_use_what_cannot_change():
    """An action is named by its commit, with its version beside it."""
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        used = re.findall(r"\buses: *(.*)$", path.read_text("utf8"), re.M)
        assert used and [u for u in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", u)] == [], (
            path.name
        )


def test_the_workflows_run_what_the_readme_says():
    tests, publish, weekly = (workflow(name) for name in ("tests", "publish", "weekly"))
    commands = [step.get("run") for step in tests["jobs"]["test"]["steps"]]
    assert ".ci/run" in commands and tests["jobs"]["test"]["env"]["TORCH_INDEX"] == "cpu"
    ci = (ROOT / ".ci" / "run").read_text("utf8")
    assert re.findall(r"^make (\w+)$", ci, re.MULTILINE) == ["book", "test", "faults"]
    events = {
        name: w.get("on", w.get(True)) for name, w in (("t", tests), ("p", publish), ("w", weekly))
    }  # YAML: on is True
    assert repository()[1] in events["t"]["push"]["branches"] or write_address.TAG.fullmatch(repository()[1])
    assert events["p"] == {"workflow_run": {"workflows": [tests["name"]], "types": ["completed"]}}
    assert "cron" in events["w"]["schedule"][0]
    built = [s["with"] for s in tests["jobs"]["test"]["steps"] if "upload-artifact" in s.get("uses", "")]
    taken = [s["with"] for s in publish["jobs"]["publish"]["steps"] if "download-artifact" in s.get("uses", "")]
    assert built[0]["path"] == "book/_build/html" and built[0]["name"] == taken[0]["name"]
    for w in (tests, publish, weekly):
        assert "permissions" in w and w["permissions"].get("contents") == ("write" if w is publish else "read")
        assert all("timeout-minutes" in job for job in w["jobs"].values())


# --- the archive of versions ----------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path):
    def make(**contents):
        folder = tmp_path / "site"
        shutil.rmtree(folder, ignore_errors=True)
        for name, content in ({"index": "x"} | contents).items():
            (folder / "_static").mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.html").write_text(content)
        return folder

    return make


def test_versions_stay_and_the_root_is_the_newest(tmp_path, site):
    pages = tmp_path / "pages"
    pages.mkdir()
    archive.publish(site(index="first", gone="old"), pages, "main")
    archive.publish(site(index="tagged"), pages, "v1.9")
    archive.publish(site(index="wrong"), pages, "v1.10.0")
    archive.publish(site(index="patched"), pages, "v1.10.1")
    archive.publish(site(index="second", new="new"), pages, "main")
    read = {str(p.relative_to(pages)): p.read_text() for p in pages.rglob("*.html") if p.parent.name != "versions"}
    assert read == {
        "index.html": "second",
        "new.html": "new",
        "v1.9/index.html": "tagged",
        "v1.10/index.html": "patched",
    }
    assert (pages / ".nojekyll").exists() and (pages / "_static").is_dir()
    listed = re.findall(r'<a href="([^"]+)"', (pages / "versions" / "index.html").read_text("utf8"))
    assert listed == ["../", "../v1.10/", "../v1.9/"]
    assert all((pages / "versions" / link / "index.html").is_file() for link in listed)


def test_a_domain_of_ones_own_survives_and_versions_keep_their_dates_in_list_and_feed(tmp_path, site):
    pages, built = tmp_path / "pages", site()
    pages.mkdir()
    (pages / "CNAME").write_text("book.example.org")
    (built / "robots.txt").write_text("User-agent: *\nSitemap: https://book.example.org/sitemap.xml\n")
    archive.publish(built, pages, "v1.0")
    known = pages / "versions" / "versions.json"
    known.write_text(json.dumps([{"name": "v1.0", "date": "2026-01-02T03:04:05+00:00"}]))
    archive.publish(built, pages, "v1.1")
    archive.publish(built, pages, "main")
    assert (pages / "CNAME").read_text() == "book.example.org"
    first, second = json.loads(known.read_text())
    assert first["name"] == "v1.1" and second == {"name": "v1.0", "date": "2026-01-02T03:04:05+00:00"}
    atom = "{http://www.w3.org/2005/Atom}"
    feed = ElementTree.parse(pages / "versions" / "feed.xml").getroot()
    found = [(e.find(atom + "id").text, e.find(atom + "updated").text) for e in feed.findall(atom + "entry")]
    assert found == [(f"https://book.example.org/{v['name']}/", v["date"]) for v in (first, second)]
    assert feed.find(atom + "updated").text == first["date"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://github.com/Some/book", "https://some.github.io/book/"),
        ("https://github.com/some/book.git", "https://some.github.io/book/"),
        ("https://github.com/some/book/", "https://some.github.io/book/"),
        ("https://github.com/Some/some.github.io", "https://some.github.io/"),
    ],
)
def test_every_form_of_a_repositorys_address_leads_to_its_pages(url, shown):
    assert published(plain(url)) == shown


@pytest.mark.parametrize("url", ["git@github.com:some/book", "https://gitlab.com/some/book", "https://github.com/some"])
def test_an_address_that_is_none_of_github_is_refused(url):
    with pytest.raises(
        ValueError, match=r"repository\.url in book/_config\.yml is .*, takes https://github\.com/OWNER/NAME"
    ):
        published(plain(url))


@pytest.mark.parametrize("ref", ["v1", "vae", "v1.2.3.4", "v1.2-rc1", "../v1.2", "feature", ""])
def test_other_branches_and_tags_are_not_published(tmp_path, site, ref):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.html").write_text("before")
    with pytest.raises(ValueError, match=r"the book was built from .*, takes 'main' or a tag like v1.2"):
        archive.publish(site(), tmp_path / "pages", ref)
    assert (tmp_path / "pages" / "index.html").read_text() == "before"


def test_an_empty_site_replaces_nothing(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.html").write_text("before")
    with pytest.raises(ValueError, match="holds no built book"):
        archive.publish(tmp_path / "nothing", tmp_path / "pages", "main")
    assert (tmp_path / "pages" / "index.html").read_text() == "before"


def test_every_entry_of_the_bibliography_can_be_found_and_is_cited():
    """A DOI, an arXiv number, an ISBN or an address; and the page of references prints what is cited only."""
    book = ROOT / "book"
    text = "".join(path.read_text("utf8") for path in book.glob("*.md"))
    cited = {key.strip() for keys in re.findall(r"\{cite:[a-z]+\}`([^`]+)`", text) for key in keys.split(",")}
    entries = dict(re.findall(r"^@\w+\{([^,]+),\n(.*?)^\}", (book / "references.bib").read_text("utf8"), re.M | re.S))
    assert len(entries) > 100
    for key, entry in entries.items():
        assert re.search(r"^ *(doi|eprint|isbn|url) *= *\{.", entry, re.M), key
    assert set(entries) == cited
