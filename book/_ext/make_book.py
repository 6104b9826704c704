"""Build the book: `python book/_ext/make_book.py [--strict [--whole]] [--anew] [--notebooks | --texts]
[--edition NAME] [--language CODE]`, called by make.

The pages are built in `book/_build/work` and take the place of `book/_build/html` only when they are complete, so a
failed, interrupted or out-of-space build never costs what was there before. What Sphinx says goes to
`book/_build/build.log`; here stand the progress of the chapters, what each cost, and the warnings.
"""

import argparse
import datetime
import errno
import hashlib
import logging
import os
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import yaml

BOOK = Path(__file__).resolve().parents[1]
BUILD = BOOK / "_build"
EDITIONS = ("student", "instructor")  # what each gives: editions.py
ROOM = 500 * 2**20  # bytes that a build of the whole book needs on the disk, with room to spare


class CannotBuild(Exception):
    """Why the book cannot be built, in one line, and the warnings until then."""

    def __init__(self, why, warnings=()):
        super().__init__(why)
        self.warnings = warnings


def pages(toc):
    """The page names of a _toc.yml, in reading order."""
    found = [toc["root"]]

    def walk(entries):
        for entry in entries:
            if "file" in entry:
                found.append(entry["file"])
            walk(entry.get("sections", []))

    for part in toc.get("parts", []):
        walk(part.get("chapters", []))
    walk(toc.get("chapters", []))
    return found


def check(book=BOOK, build=BUILD):
    """Find in advance what would end in a long traceback; the files that no one asks for. Raises CannotBuild."""
    try:
        toc = yaml.safe_load((book / "_toc.yml").read_text("utf8"))
        names = pages(toc)
    except (OSError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise CannotBuild(f"book/_toc.yml cannot be read: {error}") from error
    for name in names:
        if not any((book / f"{name}{suffix}").exists() for suffix in (".md", ".rst")):
            raise CannotBuild(f"book/_toc.yml names {name!r}, but there is no file book/{name}.md")
    try:
        build.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=build) as probe:
            probe.write(b"x")
    except OSError as error:
        raise CannotBuild(f"the build folder {build} cannot be written: {error.strerror}") from error
    free = shutil.disk_usage(build).free
    if free < ROOM:
        raise CannotBuild(f"the disk under {build} has {free / 2**20:.0f} MB left, a build takes {ROOM / 2**20:.0f} MB")
    return sorted(path.name for path in book.glob("*.md") if path.stem not in names)


def run(builder, strict, anew, edition=None, language=None, whole=False):
    """One Sphinx run through Jupyter Book; returns the folder it wrote and the warnings.

    With ``whole`` the warnings are those of all pages: they are read again, unless each was without a warning when it
    was read last.
    """
    import internals

    kind = "-".join(filter(None, (language, edition)))
    out, log = BUILD / "work" / (f"{kind}-{builder}" if kind else builder), BUILD / "build.log"
    settings = {"genbook_edition": edition} if edition else {}
    settings |= {"language": language, "locale_dirs": ["locale"]} if language else {}
    apart = language or (builder if builder == "gettext" else "")  # pages that others cannot be made from
    pages = BUILD / "work" / f".doctrees-{apart}" if apart else None
    quiet = out.with_name(f".quiet-{out.name}")  # is there while no page has a warning
    all_known = quiet.exists() or not (pages or out.with_name(".doctrees")).joinpath("environment.pickle").exists()
    anew = anew or (whole and not all_known)
    marks = {*out.parent.glob(".quiet-*"), *([quiet] if anew or all_known else [])}
    for mark in marks:
        mark.unlink(missing_ok=True)
    keep_connections_quiet(log)
    with open(log, "w", encoding="utf8") as file:
        warnings = Warnings(file)
        result = internals.build(
            BOOK,
            out,
            builder,
            output=file,
            warnings=warnings,
            strict=strict,
            anew=anew,
            settings=settings,
            pages=pages,
        )
    if isinstance(result, OSError) and result.errno == errno.ENOSPC:
        raise CannotBuild("the disk is full")
    if isinstance(result, KeyboardInterrupt):
        raise CannotBuild("interrupted; run it again, the chapters executed so far are kept")
    if isinstance(result, Exception):
        category = getattr(result, "category", type(result).__name__)
        print(f"\n{category}:\n{result}", file=sys.stderr)
        raise CannotBuild(f"the reason stands above, and more in {log} (builder {builder})", warnings.found)
    if result or (strict and warnings.found):
        raise CannotBuild(f"a warning is an error here (builder {builder})", warnings.found)
    for mark in marks if not warnings.found else ():
        mark.touch()
    return out, warnings.found


def fingerprint(*asked, book=BOOK):
    """Hash of what a build was asked for and of every file that it reads: those of the book, the package, the pins."""
    root, digest = book.parent, hashlib.sha256(repr((asked, sys.version)).encode())
    files = [root / "requirements.txt", root / "benchmarks" / "results.json"]
    for folder in (book, root / "code"):
        for here, folders, names in os.walk(folder):
            folders[:] = [f for f in folders if f not in ("_build", "build", "__pycache__") and f[-9:] != ".egg-info"]
            files += [Path(here, name) for name in names]
    for path in sorted(path for path in files if path.is_file()):
        digest.update(f"\0{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def keep_connections_quiet(log):
    """What Tornado says of a connection to a kernel that was closed in haste goes to the log, not among our lines."""
    tornado = logging.getLogger("tornado")
    tornado.propagate, tornado.handlers = False, [logging.FileHandler(log, delay=True, encoding="utf8")]


class Warnings:
    """A stream that writes to the log, and keeps the warnings that pass."""

    def __init__(self, log):
        self.log, self.text = log, ""

    def write(self, text):
        self.text += text
        return self.log.write(text)

    def flush(self):
        self.log.flush()

    @property
    def found(self):
        """Each warning once, with its place in the book."""
        lines = (line for line in self.text.splitlines() if re.search(r"\b(WARNING|ERROR|CRITICAL|SEVERE): ", line))
        return list(dict.fromkeys(line.replace(f"{BOOK}{os.sep}", "") for line in lines))


def show(warnings):
    """The number of warnings, and each in a line."""
    if warnings:
        print(f"\n{len(warnings)} warning{'s' * (len(warnings) > 1)} (all in {BUILD / 'build.log'}):", file=sys.stderr)
        print("\n".join(warnings), file=sys.stderr)


def publish(work, target):
    """Put a copy of a complete build in the place of the last one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = target.with_name(target.name + ".new"), target.with_name(target.name + ".old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        shutil.copytree(work, fresh)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise CannotBuild(f"the finished pages could not be copied to {target}: {error}") from error
    if target.exists():
        os.rename(target, old)
    os.rename(fresh, target)
    shutil.rmtree(old, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strict", action="store_true", help="make warnings fatal")
    parser.add_argument("--whole", action="store_true", help="with the warnings of pages that have not changed")
    parser.add_argument("--anew", action="store_true", help="read and write every page again; executions are kept")
    parser.add_argument("--notebooks", action="store_true", help="write the notebooks instead of the pages")
    parser.add_argument("--texts", action="store_true", help="write what is to be translated instead of the pages")
    parser.add_argument("--edition", choices=EDITIONS, help="with the solutions that this edition gives")
    parser.add_argument("--language", help="with the translations of book/locale/CODE")
    options = parser.parse_args()
    start = time.perf_counter()
    builder = "notebook" if options.notebooks else "gettext" if options.texts else "html"
    name = {"notebook": "notebooks", "gettext": "texts", "html": "html"}[builder]
    target = BUILD
    if options.language:
        target = target / "translations" / options.language
    if options.edition:
        target = target / "editions" / options.edition
    target, warnings = target / name, []
    # Of a build without a warning it is kept what it was made from; an edition may depend on the day.
    made = BUILD / "work" / f".made-{target.relative_to(BUILD).as_posix().replace('/', '-')}"
    try:
        left_out = check()
        if options.language and not (BOOK / "locale" / options.language).is_dir():
            raise CannotBuild(f"there is no folder book/locale/{options.language}; `make texts` begins one")
        now = fingerprint(target.name, options.edition and str(datetime.date.today()))
        there = made.exists() and target.is_dir() and (BUILD / "work" / ".jupyter_cache").is_dir()
        if there and made.read_text("utf8") == now and not options.anew:
            print("Nothing has changed since the last build.")
        else:
            made.unlink(missing_ok=True)
            work, warnings = run(
                builder, options.strict, options.anew, options.edition, options.language, options.whole
            )
            publish(work, target)
            if work.with_name(f".quiet-{work.name}").exists():
                made.write_text(now, "utf8")
    except CannotBuild as error:
        show(error.warnings)
        kept = "; the last complete build is untouched" if (BUILD / "html" / "index.html").exists() else ""
        sys.exit(f"\nThe book was not built: {error}{kept}.")
    show(warnings)
    if left_out:
        print(f"\nNot in book/_toc.yml, so not built: {', '.join(left_out)}")
    said = f", with {len(warnings)} warning{'s' * (len(warnings) > 1)}, listed above" if warnings else ""
    print(f"\nDone in {time.perf_counter() - start:.0f} s{said}.")
    print(f"Open {target / 'index.html'}" if builder == "html" else f"The {name} are in {target}")


if __name__ == "__main__":
    main()
