"""Check the types of the console's scripts with the TypeScript compiler (JSDoc types, strict).

The scripts import their libraries by relative path, as browsers want it; beside the copies that are checked stand the
libraries' types in place of their code.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FRONTEND = ROOT / "frontend"
COPIES = FRONTEND / "build"


def main() -> int:
    """Return the compiler's exit code."""
    shutil.rmtree(COPIES, ignore_errors=True)
    shutil.copytree(FRONTEND / "types/vendor", COPIES / "vendor")
    for script in (ROOT / "src/twinlake/console/static").glob("*.js"):
        shutil.copy(script, COPIES)
    compiler = FRONTEND / "node_modules/.bin/tsc"
    return subprocess.run([compiler, "--project", "tsconfig.json"], cwd=FRONTEND, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
