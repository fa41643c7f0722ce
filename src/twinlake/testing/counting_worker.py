"""A warm child for tests: takes as many seconds of CPU time as it is asked for."""

import time

from twinlake.engines.sandbox.worker import serve


def answer(message: bytes) -> bytes:
    """Take them."""
    until = time.process_time() + float(message)
    while time.process_time() < until:
        pass
    return message


if __name__ == "__main__":
    serve(answer)
