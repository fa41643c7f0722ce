"""The services that Twinlake knows; a site offers some of them. Ids are the Data Lake's where it has such a service."""

from twinlake.discovery.services.models import Service

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
            begin='import requests\n\nprint(requests.get("{url}/.well-known/openid-configuration").json()["token_endpoint"])',
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
            begin=(
                "import requests\n\n"
                'token = open("my.token").read().strip()\n'
                'print(requests.get("{url}", headers={"authorization": f"Bearer {token}"}).json())'
            ),
        ),
    )
}
