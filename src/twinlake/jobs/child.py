"""The child process of a run: `twinlake.engines.sandbox` starts it, the supervisor feeds its standard input."""

import sys
from importlib import import_module
from pathlib import Path

import orjson

from twinlake.core.errors import TwinlakeError
from twinlake.jobs.context import JobContext
from twinlake.jobs.errors import LeaseLostError
from twinlake.jobs.gateway import Gateway, GatewayRefusedError

_TOO_MUCH_MEMORY = {
    "code": "memory-exceeded",
    "message": "The job needs more memory than one may have at this site.",
    "remedy": "Take less at a time, or ask the operator to raise jobs.memory_bytes.",
}


def main() -> None:
    """Run the function that the order names; tell the site its result, or why it refuses.

    Any other exception ends the process with a traceback for the log: the attempt has crashed and may be tried again.
    """
    order = orjson.loads(sys.stdin.buffer.read())
    gateway = Gateway(socket=Path(order["socket"]), run=order["run"], secret=order["secret"])
    module, _, name = order["function"].partition(":")
    function = getattr(import_module(module), name)
    context = JobContext(gateway, scratch=Path.cwd())
    with context.heartbeats():
        try:
            result = function(context)
        except GatewayRefusedError as error:
            if error.refusal != LeaseLostError.code:
                gateway.post("failure", {"code": error.refusal, "message": error.message, "remedy": error.remedy})
        except TwinlakeError as error:
            code = error.members.get("code", error.code)
            gateway.post("failure", {"code": code, "message": error.message, "remedy": error.remedy})
        except MemoryError:
            gateway.post("failure", _TOO_MUCH_MEMORY)
        else:
            gateway.post("result", result)


if __name__ == "__main__":
    main()
