"""Take the README's picture, ``docs/explore.png``, of a running site: the explore page as a signed-in user sees it.

Usage: ``python tools/screenshot.py [--to URL] [--token-file FILE] [--page PATH] [--output FILE]``. Without a token file
the picture shows what everybody sees. Needs Chromium (apt-get install chromium fonts-dejavu-core).
"""

import argparse
import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
SWITCHES = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
VIEWPORT = {"width": 1360, "height": 850}
LARGEST_BYTES = 400_000


def sign_in(page: Page, url: str, token: str) -> None:
    """Sign in on the console."""
    page.goto(f"{url}/sign-in")
    page.get_by_text("With a token instead").click()
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in with this token").click()
    page.wait_for_url(f"{url}/")


def take(url: str, path: str, token: str | None) -> bytes:
    """Return a picture of a page, its map and thumbnails drawn, as PNG."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium is not installed: apt-get install chromium fonts-dejavu-core")
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=chromium, args=list(SWITCHES)) as browser:
        page = browser.new_page(viewport=VIEWPORT, color_scheme="light", locale="en-GB")
        if token:
            sign_in(page, url, token)
        page.goto(url + path)
        if page.locator("#map").count():
            page.wait_for_selector("#map[data-ready]")
        page.wait_for_load_state("networkidle")
        return page.screenshot()


def shrink(picture: bytes) -> bytes:
    """Return the same picture with 256 colours, which nobody sees, in a third of the bytes."""
    target = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, "PNG", optimize=True)
    return target.getvalue()


def main() -> int:
    """Take the picture; return the exit code."""
    parser = argparse.ArgumentParser(description="Take the README's picture of a running site.")
    parser.add_argument("--to", default="http://127.0.0.1:8700", metavar="URL", help="address of the site")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="file with a token to sign in with")
    parser.add_argument("--page", default="/explore", metavar="PATH", help="page of the site")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/explore.png", metavar="FILE")
    options = parser.parse_args()
    token = options.token_file.read_text(encoding="ascii").strip() if options.token_file else None
    picture = shrink(take(options.to.rstrip("/"), options.page, token))
    if len(picture) > LARGEST_BYTES:
        print(f"The picture has {len(picture)} bytes, more than {LARGEST_BYTES}; nothing was written.", file=sys.stderr)
        return 1
    options.output.write_bytes(picture)
    print(f"{options.output}: {len(picture) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
