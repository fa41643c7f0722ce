"""Secrets and signatures of webhooks."""

import base64
from collections.abc import Mapping
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from standardwebhooks import Webhook as Standard

from twinlake.standards.cloudevents import MEDIA_TYPE

_SECRET_BYTES = 32


class WebhookSigner:
    """Signs messages by Standard Webhooks with a secret per subscription, derived from one key (HKDF, RFC 5869).

    Nothing needs to be stored, so there is nothing to steal from the database or its backups.
    """

    def __init__(self, *, key: bytes) -> None:
        self._key = key

    def secret(self, webhook: str) -> str:
        """Return the secret of the subscription with this id: ``whsec_`` and base64."""
        derived = HKDF(SHA256(), _SECRET_BYTES, salt=None, info=b"twinlake webhook " + webhook.encode()).derive(self._key)
        return "whsec_" + base64.b64encode(derived).decode()

    def headers(self, webhook: str, *, message: str, body: bytes, now: datetime) -> Mapping[str, str]:
        """Return the headers of a message to this subscription."""
        return {
            "content-type": f"{MEDIA_TYPE}; charset=utf-8",
            "user-agent": "twinlake-webhooks",
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Standard(self.secret(webhook)).sign(message, now, body.decode()),
        }
