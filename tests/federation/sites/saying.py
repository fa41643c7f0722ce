"""A site that says what it is told to, for tests of who believes it."""

import json
from dataclasses import dataclass, field
from datetime import timedelta

from joserfc import jws
from joserfc.jwk import OKPKey

from twinlake.federation.sites.descriptor import ALGORITHM, LIFE, TYPE, CollectionNotice, Descriptor, Known, SiteKeys, to_document
from twinlake.identity.keys.ring import SigningKey
from twinlake.testing.clock import START


def new_key() -> SigningKey:
    pair = OKPKey.generate_key("Ed25519")
    return SigningKey(pair.thumbprint(), ALGORITHM, pair)


def public(key: SigningKey) -> dict:
    return {**key.key.as_dict(private=False), "kid": key.kid, "use": "sig", "alg": key.algorithm}


@dataclass
class Speaker:
    """Has keys, and signs anything."""

    id: str = "climate"
    keys: list[SigningKey] = field(default_factory=lambda: [new_key()])
    url: str = "https://climate.example"

    def known(self, **other) -> Known:
        return Known(**{"id": self.id, "fingerprints": frozenset({self.keys[0].kid}), **other})

    def descriptor(self, *, keys=None, now=START, **other) -> Descriptor:
        issued = int(now.timestamp())
        return Descriptor(
            **{
                "id": self.id,
                "issuer": f"urn:twinlake:site:{self.id}",
                "protocol": 1,
                "role": "bridge",
                "operator_name": "An institute",
                "place": "Bologna",
                "url": self.url,
                "token_url": f"{self.url}/auth/realms/dedl/protocol/openid-connect/token",
                "keys": SiteKeys(site=[public(key) for key in keys or self.keys], dedl=[]),
                "services": {"stac": f"{self.url}/stac/v2"},
                "collections": [CollectionNotice(id="A1B", title="Scenario", bbox=(-180, -90, 180, 90), items=12)],
                "seq": 1,
                "issued": issued,
                "expires": issued + int(LIFE / timedelta(seconds=1)),
                **other,
            }
        )

    def sign(self, content, *, keys=None, **header) -> list[str]:
        document = to_document(content) if isinstance(content, Descriptor) else content
        payload = json.dumps(document, separators=(",", ":")).encode()
        signed = []
        for key in keys or self.keys:
            head = {"alg": ALGORITHM, "kid": key.kid, "typ": TYPE, **header}
            signed.append(jws.serialize_compact(head, payload, key.key, algorithms=[ALGORITHM]))
        return signed
