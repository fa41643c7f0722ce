"""Landlock: the kernel refuses this process every file but those it was given, and TCP, signals and abstract sockets.

Source: https://docs.kernel.org/userspace-api/landlock.html, include/uapi/linux/landlock.h. A kernel without Landlock
confines nothing; newer ABIs confine more.
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture of today
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEVICE = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE
_ALL_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_ALL_SINCE_ABI_5 = (1 << 16) - 1
_TCP = 3
_SIGNALS_AND_ABSTRACT_SOCKETS = 3


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def confine(*, readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Leave this process and its children only what lies below *readable*, and below *writable* with all rights.

    Paths that are not there are passed over. Call it before any other thread begins, after `PR_SET_NO_NEW_PRIVS`.
    Without Landlock in the kernel nothing happens.

    Raises
    ------
    OSError
        The kernel has Landlock and did not do it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    if abi < 1:
        return
    everything = _ALL_BY_ABI.get(abi, _ALL_SINCE_ABI_5)
    rules = _Ruleset(everything, _TCP if abi >= 4 else 0, _SIGNALS_AND_ABSTRACT_SOCKETS if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else ctypes.sizeof(rules)
    ruleset = _checked(libc.syscall(_CREATE_RULESET, ctypes.byref(rules), size, 0))
    try:
        for rights, paths in ((_READ, readable), (everything, writable)):
            for path in paths:
                _allow(libc, ruleset, path, rights & everything)
        _checked(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = _PathBeneath(rights if path.is_dir() else rights & _OF_FILES, descriptor)
        _checked(libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(descriptor)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "Landlock")
    return result
