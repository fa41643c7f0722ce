"""What can go wrong with a subscription."""

from twinlake.core.errors import ConflictError, InvalidInputError, NotFoundError


class WebhookNotFoundError(NotFoundError):
    """The caller has no such subscription."""

    code = "webhook-not-found"

    def __init__(self, webhook: str) -> None:
        super().__init__(f"You have no webhook {webhook[:80]!r}.")


class ChallengeFailedError(InvalidInputError):
    """The receiver did not show that it wants the events."""

    code = "webhook-challenge-failed"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The receiver did not answer the challenge: {reason}.",
            remedy="Let it answer with status 200 and the value of data.challenge as the body.",
        )


class TooManyWebhooksError(ConflictError):
    """The caller has as many subscriptions as one may have."""

    code = "too-many-webhooks"
