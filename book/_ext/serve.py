"""Show the book on this machine, build it again when a source changes, and reload the browser: `make serve`."""

import subprocess
import sys
from pathlib import Path

from livereload import Server

BOOK = Path(__file__).resolve().parents[1]
WATCHED = ("*.md", "*.yml", "*.bib", "figures/*", "_static/*", "_ext/*", "../code/genphys/**/*.py")


def build():
    subprocess.run([sys.executable, str(BOOK / "_ext" / "make_book.py")], check=False)


def main():
    server = Server()
    for pattern in WATCHED:
        server.watch(str(BOOK / pattern), build)
    server.serve(root=str(BOOK / "_build" / "html"), port=8000, host="127.0.0.1")


if __name__ == "__main__":
    main()
