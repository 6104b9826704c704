"""What a build says while it runs: one line that is written again and again, and the lines that stay.

    3 of 8 chapters, 1:12. Running: scores 41 s, 0.9 GB; first_gan 12 s, 0.6 GB

Where the output is no terminal (a log of continuous integration) there is no such line, only those that stay.
"""

import contextlib
import shutil
import sys
import threading
import time


class Progress:
    """The progress of a number of jobs that run side by side.

    Args:
        total: How many there are.
        what: What they are, in the plural.
        stream: Where to write; a terminal shows the line.
    """

    def __init__(self, total, what="chapters", stream=None):
        self.total, self.what, self.stream = total, what, stream or sys.__stdout__
        self.running, self.done, self.start = {}, 0, time.perf_counter()
        self.lock, self.over = threading.Lock(), threading.Event()

    def __enter__(self):
        if self.stream.isatty():
            threading.Thread(target=self._keep_writing, daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.over.set()
        with self.lock:
            self._clear()

    @contextlib.contextmanager
    def job(self, name, memory=None):
        """One job runs. ``memory()`` gives the bytes that it holds now."""
        self.running[name] = time.perf_counter(), memory or (lambda: 0)
        try:
            yield
        finally:
            self.running.pop(name)
            self.done += 1

    def say(self, line):
        """Write a line that stays."""
        with self.lock:
            self._clear()
            print(line, file=self.stream, flush=True)

    def line(self):
        """The progress in words."""
        now = time.perf_counter()
        parts = [f"{self.done} of {self.total} {self.what}, {clock(now - self.start)}"]
        jobs = [
            f"{name} {now - begun:.0f} s{gigabytes(memory())}" for name, (begun, memory) in list(self.running.items())
        ]
        return ". Running: ".join(parts + ["; ".join(jobs)] * bool(jobs))

    def _keep_writing(self):
        while not self.over.wait(0.5):
            text = self.line()[: shutil.get_terminal_size().columns - 1]
            with self.lock:
                if not self.over.is_set():
                    self.stream.write(f"\r{text}\x1b[K")
                    self.stream.flush()

    def _clear(self):
        if self.stream.isatty():
            self.stream.write("\r\x1b[K")


def say(line):
    """Write a line for people, past the log that Sphinx writes."""
    print(line, file=sys.__stdout__, flush=True)


def clock(seconds):
    return f"{seconds // 60:.0f}:{seconds % 60:02.0f}"


def gigabytes(size):
    return f", {size / 2**30:.1f} GB" if size else ""
