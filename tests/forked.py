"""Scripts and kernels in copies of a process that has imported what they need.

A build of a small book is a process of its own, and so is the kernel that runs its cells; each would spend seconds on
imports, of Sphinx and its companions, of PyTorch. Here both are forked from Python's fork server, which has imported
them once. Where there is none (Windows), a script is started as usual.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import time
import traceback
from multiprocessing.reduction import DupFd

HEAVY = ["jupyter_book.sphinx", "jupyter_book.config", "myst_nb.sphinx_ext", "sphinx_book_theme", "sphinx_proof"]
HEAVY += ["sphinx_exercise", "sphinx_design", "sphinxcontrib.bibtex", "sphinx.ext.autodoc", "sphinx.builders.html"]
HEAVY += ["sphinx_togglebutton", "sphinx_thebe", "sphinx_comments", "jupyter_cache", "nbclient", "bs4", "PIL.Image"]
HEAVY += ["ipykernel.kernelapp", "ipykernel.ipkernel", "IPython.core.completer", "torch"]


def server():
    """The fork server, None where the system has none. (Each process has one, and so have those that it forks.)"""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    return context


def run(script, arguments, environment, timeout):
    """As ``subprocess.run`` of a Python script, with what it printed as text."""
    command, context = [str(script), *map(str, arguments)], server()
    if context is None:
        command = [sys.executable, *command]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = context.Process(target=_script, args=(command, environment, DupFd(out.fileno()), DupFd(err.fileno())))
        child.start()
        child.join(timeout)
        if child.exitcode is None:
            child.kill()
            raise subprocess.TimeoutExpired(command, timeout)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf8"))
    return subprocess.CompletedProcess(command, child.exitcode, *texts)


def _begin(environment, *streams):
    """Be as if freshly started: the environment, its search path, and where stdout and stderr go."""
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [p for p in environment.get("PYTHONPATH", "").split(os.pathsep) if p]
    for stream, place in zip(streams, (1, 2) if len(streams) == 2 else (2,), strict=True):
        os.dup2(stream.detach(), place)


def _script(command, environment, *streams):
    from jupyter_client.provisioning import local_provisioner

    _begin(environment, *streams)
    local_provisioner.launch_kernel = Kernel
    sys.argv = command
    sys.path.insert(0, os.path.dirname(command[0]))
    try:
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit:
        raise
    except BaseException:
        traceback.print_exc()
        sys.exit(1)


class Kernel:
    """As ``subprocess.Popen`` of a kernel, as far as jupyter_client asks."""

    stdin = stdout = stderr = None

    def __init__(self, command, stderr=None, env=None, cwd=None, **_):
        error = DupFd(stderr.fileno() if stderr else 2)
        self.process = server().Process(target=_kernel, args=(command[command.index("-f") :], env, cwd, error))
        self.process.start()
        self.pid = self.process.pid
        while self.process.is_alive() and os.getpgid(self.pid) != self.pid:
            time.sleep(0.001)  # a signal to its group must not be one to ours

    def poll(self):
        return self.process.exitcode

    def wait(self, timeout=None):
        self.process.join(timeout)
        return self.process.exitcode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.process.kill()

    def terminate(self):
        self.process.terminate()


def _kernel(arguments, environment, folder, error):
    from ipykernel.kernelapp import launch_new_instance

    os.setsid()
    _begin(environment, error)
    os.chdir(folder)
    sys.path.insert(0, "")
    parent = f"--IPKernelApp.parent_handle={os.getppid()}"  # a kernel ends with the process that it came from
    sys.argv = ["ipykernel_launcher.py", *arguments, parent]
    launch_new_instance()
