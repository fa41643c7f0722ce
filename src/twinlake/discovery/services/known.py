"""The services that Twinlake knows; a site offers some of them. Ids are the Data Lake's where it has such a service."""

from twinlake.discovery.services.models import Service

_SIGN_IN = """\
import time
from pathlib import Path

import requests

realm = "{site}/auth/realms/dedl/protocol/openid-connect"
asked = {"client_id": "hda-public"}
device = requests.post(f"{realm}/auth/device", data=asked, timeout=60).json()
print("Open", device["verification_uri_complete"], "and let this program in.", flush=True)

asked |= {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device["device_code"]}
answer = {"error": "authorization_pending"}
while answer.get("error") == "authorization_pending":
    time.sleep(device["interval"])
    answer = requests.post(f"{realm}/token", data=asked, timeout=60).json()

Path("my.token").write_text(answer["access_token"])
headers = {"Authorization": f"Bearer {answer['access_token']}"}
print(requests.get("{site}/api/me", headers=headers, timeout=60).json())"""
"""The device flow (RFC 8628), for an account of the site or of another that it trusts."""

_INGEST = """\
# my.token is a token with the scopes write and process, made on the page {site}/tokens
twinlake ingest scene.tif --collection my-data --create-collection --to {site} --token-file my.token
twinlake jobs list --to {site} --token-file my.token"""

KNOWN: dict[str, Service] = {
    service.id: service
    for service in (
        Service(
            id="dedl-hda",
            title="Harmonised Data Access",
            description=(
                "Find collections and items of all sites with one search (STAC API), and get their files, each from the site that"
                " holds it."
            ),
            begin=(
                "from pystac_client import Client\n\n"
                'lake = Client.open("{url}")\n'
                "for item in lake.search(max_items=5).items():\n"
                "    print(item.id, item.datetime)"
            ),
        ),
        Service(
            id="dedl-identity",
            title="Federated identity",
            description="Sign in once for all sites (OpenID Connect), and exchange a sign-in for a token of one site.",
            begin=_SIGN_IN,
        ),
        Service(
            id="dedl-notification",
            title="Notification",
            description="Be told of new data as it comes: server-sent events and webhooks (CloudEvents).",
            begin=(
                "import httpx\n\n"
                'with httpx.stream("GET", "{url}", timeout=None) as events:\n'
                "    for line in events.iter_lines():\n"
                "        print(line)"
            ),
        ),
        Service(
            id="dedl-jobs",
            title="Jobs",
            description="Take in files of one's own and follow the work: progress, logs, results.",
            begin=_INGEST,
            language="shell",
        ),
    )
}
