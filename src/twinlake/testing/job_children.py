"""Functions that tests of jobs run in real children."""

import os
import signal
import time
from pathlib import Path

from twinlake.core.documents import JsonObject
from twinlake.core.errors import InvalidInputError
from twinlake.jobs.context import JobContext


def count(context: JobContext) -> JsonObject:
    """Take ``steps`` steps with a checkpoint each; append each step taken to the file ``journal``."""
    total = context.spec["steps"]
    for step in range(total):
        name = f"step-{step:04}"
        if context.begin(name).is_done:
            continue
        with Path(context.spec["journal"]).open("a") as journal:
            journal.write(f"{name}\n")
        time.sleep(context.spec.get("seconds", 0))
        context.finish(name, {"step": step})
        context.progress(step + 1, total, "steps", name)
    return {"counted": total}


def die(context: JobContext) -> JsonObject:
    """Be killed at the step ``fatal`` until it was tried twice, then leave it out."""
    for step in range(context.spec["steps"]):
        checkpoint = context.begin(f"step-{step}")
        if checkpoint.is_done or checkpoint.tries > 2:
            continue
        if step == context.spec["fatal"]:
            os.kill(os.getpid(), signal.SIGKILL)
        context.finish(checkpoint.name, {})
    return {"tries": context.begin(f"step-{context.spec['fatal']}").tries}


def hang(context: JobContext) -> JsonObject:
    """Write one's process id to the file ``pid``, then do nothing for ever."""
    if "pid" in context.spec:
        Path(context.spec["pid"]).write_text(f"{os.getpid()}")
    while not context.is_cancelled:
        time.sleep(0.01)
    return {}


def freeze(context: JobContext) -> JsonObject:
    """Stop every thread of the process, the one that gives signs of life included."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return context.spec


def swell(context: JobContext) -> JsonObject:
    """Take more memory than is allowed."""
    return {"size": len(bytearray(context.spec["bytes"]))}


def refuse(context: JobContext) -> JsonObject:
    """Refuse in the way of every anticipated failure."""
    context.log("I will not.")
    raise InvalidInputError("This cannot be done.", remedy="Ask for something else.")


def look_around(context: JobContext) -> JsonObject:
    """Report what a child finds of its surroundings."""
    return {
        "environment": sorted(os.environ),
        "descriptors": sorted(int(entry.name) for entry in Path("/proc/self/fd").iterdir()),
        "scratch": str(context.scratch),
        "group": os.getpgid(0) == os.getpid(),
        "nice": os.nice(0),
    }


def spin(context: JobContext) -> JsonObject:
    """Use CPU time for ever, or for so many ``seconds``; in a process of one's own, where ``forks`` says so."""
    if context.spec.get("forks") and (pid := os.fork()):
        os.waitpid(pid, 0)
        return {}
    until = time.process_time() + context.spec.get("seconds", float("inf"))
    while time.process_time() < until:
        pass
    if context.spec.get("forks"):
        os._exit(0)
    return {}
