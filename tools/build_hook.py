"""Hatch's build hook: no wheel or source distribution leaves without what the console needs in the browser.

A wheel made of a source distribution finds the files in it and needs neither npm nor the network.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent))

import vendor_console


class VendorHook(BuildHookInterface[Any]):
    """Fills the console's ``static/vendor`` where its files are absent or not those of ``frontend/SHA256SUMS``."""

    def dependencies(self) -> list[str]:
        """Return what vendoring needs beside hatchling; nothing where nothing is to be brought."""
        if vendor_console.is_vendored():
            return []
        return ["pyogrio>=0.11", *([] if shutil.which("npm") else [vendor_console.NODE])]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring the files before a build; an editable installation leaves it to ``make setup``."""
        del build_data
        if version == "editable" or vendor_console.is_vendored():
            return
        try:
            failed = vendor_console.main() != 0
        except (OSError, subprocess.CalledProcessError) as error:
            self.app.display_error(str(error))
            failed = True
        if failed:
            self.app.abort(
                "The files that the console needs in the browser are absent and could not be brought from npm. "
                "With a connection to an npm registry, run `make setup` and build again."
            )
