"""Show the book on this machine, build it again when a source changes, and reload the browser: `make serve`."""

import argparse
import socket
import subprocess
import sys
from pathlib import Path

from livereload import Server

BOOK = Path(__file__).resolve().parents[1]
WATCHED = ("*.md", "*.yml", "*.bib", "figures/*", "quizzes/*", "explorables/*", "explorables/*/*")
WATCHED += ("_static/*", "_ext/*", "../code/genphys/**/*.py")
HOST = "127.0.0.1"


def build():
    subprocess.run([sys.executable, str(BOOK / "_ext" / "make_book.py")], check=False)


def is_free(port):
    """Whether nobody listens at this port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    port = parser.parse_args().port
    if not is_free(port):
        sys.exit(f"Something listens at port {port} already; take another one: make serve PORT={port + 1}")
    server = Server()
    for pattern in WATCHED:
        server.watch(str(BOOK / pattern), build)
    server.serve(root=str(BOOK / "_build" / "html"), port=port, host=HOST)


if __name__ == "__main__":
    main()
