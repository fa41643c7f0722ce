"""How far this machine can shut in code that somebody wrote, and the command that does it.

What a child of our own does not need, a program of somebody else does: namespaces of its own (no network, no other process, no
file but those of the interpreter, a scratch in memory that is bound in size), and where several people use the machine an own
user and a control group, so that neither the number of its processes nor their memory can be at the cost of others.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from twinlake.engines.sandbox import seccomp
from twinlake.engines.sandbox.cgroups import Cgroup
from twinlake.engines.sandbox.confining import SYSTEM

SCRATCH = Path("/tmp")  # noqa: S108  # of the sandbox, in memory; not the machine's
FIRST_USER = 0x70000000
"""Users from here to 2^31 are given out by no system: those of containers end below (systemd: UIDS-GIDS)."""
_PROBE_SECONDS = 20
_BUBBLEWRAP, _SETPRIV = "bwrap", "setpriv"


class Level(IntEnum):
    """For whose code a confinement is enough."""

    NOBODY = 0
    """Landlock and limits alone, as our own children have them."""
    OWN = 1
    """That of people who may use the machine anyhow."""
    OTHERS = 2
    """Anybody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What a machine offers."""

    bubblewrap: bool
    own_user: bool
    """The sandbox runs as a user that nothing else runs as; otherwise in a user namespace."""
    cgroup: bool

    @property
    def level(self) -> Level:
        """For whose code this is enough."""
        if not self.bubblewrap:
            return Level.NOBODY
        return Level.OTHERS if self.own_user and self.cgroup else Level.OWN

    def command(self, program: Sequence[str], *, scratch_bytes: int, user: int) -> list[str]:
        """Return the command that runs *program* inside.

        Parameters
        ----------
        user
            A number below 2^28 that no other sandbox has at the same time.
        """
        if not self.bubblewrap:
            return list(program)
        spaces = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
        spaces += [] if self.own_user else ["--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000"]
        scratch = ["--perms", "1777", "--size", str(scratch_bytes), "--tmpfs", str(SCRATCH)]
        view = ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev", *scratch, *_bindings(), "--remount-ro", "/"]
        end = ["--die-with-parent", "--new-session", "--chdir", str(SCRATCH), "--cap-drop", "ALL"]
        become: list[str] = []
        if self.own_user:
            number = str(FIRST_USER + user)
            end += [word for name in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{name}")]
            become = [_SETPRIV, "--reuid", number, "--regid", number, "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]
        return [_BUBBLEWRAP, *spaces, *view, *end, "--", *become, *program]


def strongest() -> Confinement:
    """Return the most that works here, tried out. Takes a few hundredths of a second."""
    return next(each for each in _choices() if not each.bubblewrap or _works(each))


def find_lacking(confinement: Confinement, wanted: Level = Level.OTHERS) -> list[str]:
    """Return what the machine lacks for a level, in words for its operator."""
    lacking = []
    if shutil.which(_BUBBLEWRAP) is None:
        lacking.append("bubblewrap (apt-get install bubblewrap)")
    elif not confinement.bubblewrap:
        lacking.append("user namespaces, which bubblewrap needs (sysctl kernel.unprivileged_userns_clone=1, or AppArmor's rule)")
    if shutil.which(_SETPRIV) is None and os.geteuid() == 0:
        lacking.append("setpriv (apt-get install util-linux)")
    if wanted < Level.OTHERS:
        pass
    elif os.geteuid() != 0:
        lacking.append("a site that is started by root, which alone can give code a user and a control group of its own")
    elif not confinement.cgroup:
        lacking.append("control groups of memory and processes (cgroup v2, or v1 with the controllers memory and pids)")
    if not seccomp.is_known(os.uname().machine):
        lacking.append("a processor of x86-64 or ARM64, for the filter of calls to the kernel")
    return lacking


def _choices() -> Iterator[Confinement]:
    if shutil.which(_BUBBLEWRAP) is not None and seccomp.is_known(os.uname().machine):
        if os.geteuid() != 0:
            yield Confinement(bubblewrap=True, own_user=False, cgroup=False)
        elif shutil.which(_SETPRIV) is not None:  # of root's processes the kernel does not bound the number
            yield Confinement(bubblewrap=True, own_user=True, cgroup=_has_cgroups())
    yield Confinement(bubblewrap=False, own_user=False, cgroup=False)


def _has_cgroups() -> bool:
    try:
        Cgroup.create(memory_bytes=1 << 30, processes=32).remove()
    except OSError:
        return False
    return True


def _works(confinement: Confinement) -> bool:
    probe = [sys.executable, "-I", "-S", "-c", "pass"]
    command = confinement.command(probe, scratch_bytes=1 << 20, user=0)
    try:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=_PROBE_SECONDS,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def _bindings() -> list[str]:
    """Return the options that show the interpreter and its libraries, and what these read of a system."""
    shown = [Path(each) for each in (*_SYSTEM_OF_BUBBLEWRAP, sys.prefix, sys.base_prefix, *sys.path) if each]
    options: list[str] = []
    made: set[Path] = set()
    for path in dict.fromkeys(shown):
        if not path.exists():
            continue
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
            continue
        for parent in reversed(path.parents[:-1]):  # bubblewrap itself would make them for its own user alone
            if parent not in made:
                options += ["--dir", str(parent)]
                made.add(parent)
        options += ["--ro-bind", str(path), str(path)]
    return options


_SYSTEM_OF_BUBBLEWRAP = ("/bin", *(each for each in SYSTEM if not each.startswith(("/dev", "/proc", "/sys/fs"))))
