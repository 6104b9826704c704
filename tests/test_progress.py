"""What a build says while it runs."""

import io
import re
import time

from progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_line_says_what_is_done_and_what_runs_with_time_and_memory():
    progress = Progress(3, stream=io.StringIO())
    with progress.job("energy"):
        assert re.fullmatch(r"0 of 3 chapters, 0:00\. Running: energy 0 s", progress.line())
        with progress.job("scores", lambda: 3 * 2**29):
            assert progress.line().endswith("Running: energy 0 s; scores 0 s, 1.5 GB")
        assert progress.line().startswith("1 of 3 chapters")
    assert progress.line() == "2 of 3 chapters, 0:00"


def test_in_a_log_only_the_lines_that_stay_are_written():
    log = io.StringIO()
    with Progress(1, stream=log) as progress, progress.job("energy"):
        time.sleep(0.6)
        progress.say("executed  energy.md")
    assert log.getvalue() == "executed  energy.md\n"


def test_on_a_terminal_one_line_is_written_again_and_leaves_nothing():
    terminal = Terminal()
    with Progress(1, stream=terminal) as progress, progress.job("energy"):
        time.sleep(0.7)
        progress.say("executed  energy.md")
    written = terminal.getvalue()
    assert "\r0 of 1 chapters" in written and "\r\x1b[Kexecuted  energy.md\n" in written
    assert written.endswith("\r\x1b[K")
