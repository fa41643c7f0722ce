"""The tutorial is run: every block in order, against a site that it makes itself, and what it shows is what comes."""

import contextlib
import io
import os
import re
import socket
import subprocess
import warnings
from pathlib import Path

import pytest

from twinlake.testing.site import site_environment, twinlake_command

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVE = re.compile(r"^twinlake serve .*$")


class Terminal:
    """Runs blocks in a folder; variables that one exports are there for the next, names of Python blocks too."""

    def __init__(self, folder, ports):
        self._folder = folder
        self._ports = ports
        self._state = folder / ".exported"
        self._state.write_text("")
        self._names = {}
        self._environment = site_environment({"server.port": ports["8700"]})
        self._environment["PATH"] = f"{Path(twinlake_command()).parent}{os.pathsep}{self._environment['PATH']}"
        self.site = None

    def run(self, kind, text):
        """Run a block on this terminal's ports; return what it printed, with the tutorial's."""
        for shown, port in self._ports.items():
            text = text.replace(shown, str(port))
        printed = {"bash": self._run_bash, "python": self._run_python}[kind](text)
        for shown, port in self._ports.items():
            printed = printed.replace(str(port), shown)
        return printed

    def _run_bash(self, text):
        if SERVE.fullmatch(text.strip()):
            return self._serve(text)
        program = f"set -eu -o pipefail\n. {self._state}\n{text}\nexport -p > {self._state}"
        done = subprocess.run(
            ["bash", "-c", program], check=False, cwd=self._folder, env=self._environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _serve(self, text):
        command = text.split()
        self.site = subprocess.Popen(
            command, cwd=self._folder, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        said = self.site.stdout.readline()
        assert "is ready at" in said
        return said

    def _run_python(self, text):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.chdir(self._folder), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's packages; ours are held by all other tests
            exec(compile(text, str(TUTORIAL), "exec"), self._names)
        return said.getvalue()


@pytest.fixture
def terminal(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as site, socket.create_server(("127.0.0.1", 0)) as receiver:
        ports = {"8700": site.getsockname()[1], "9000": receiver.getsockname()[1]}
    opened = Terminal(tmp_path, ports)
    yield opened
    if opened.site is not None:
        opened.site.terminate()
        assert opened.site.wait(30) == 0
        opened.site.stdout.close()


def assert_shown(shown, printed):
    """Compare what the tutorial shows with what was printed; an ellipsis stands for anything."""
    pattern = re.escape(shown.rstrip("\n")).replace("…", "(?s:.*)")
    assert re.fullmatch(pattern, printed.rstrip("\n")), f"the tutorial shows:\n{shown}\nit is:\n{printed}"


@pytest.mark.slow
def test_the_tutorial_works(terminal):
    printed = None
    for block in BLOCK.finditer(TUTORIAL.read_text(encoding="utf-8")):
        kind, text = block.groups()
        if kind == "text":
            assert printed is not None, f"nothing was run before {text!r}"
            assert_shown(text, printed)
        elif kind != "console":
            printed = terminal.run(kind, text)


def test_only_the_installation_is_not_run():
    kinds = [kind for kind, _ in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8"))]

    assert set(kinds) == {"console", "bash", "python", "text"}
    assert kinds[:3] == ["console", "console", "bash"]
    assert kinds.count("console") == 2
