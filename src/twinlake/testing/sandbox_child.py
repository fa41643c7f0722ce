"""A child for tests of the sandbox: runs the statements that it is sent."""

import sys

if __name__ == "__main__":
    exec(sys.stdin.read())  # noqa: S102  # what a test wants to have tried inside the sandbox
