"""A receiver of webhooks that checks every signature, and misbehaves as told."""

import asyncio

import orjson
from aiohttp import web
from standardwebhooks import Webhook


class Receiver:
    """A server on a free port of loopback; `answers` are the statuses of the next messages, then 204."""

    def __init__(self):
        self.secret = None
        self.messages = []
        self.attempts = []
        self.answers = []
        self.challenge = "right"
        self.changed = asyncio.Condition()
        self.url = ""
        self.origin = ""
        self._runner = None

    async def __aenter__(self):
        app = web.Application()
        app.router.add_post("/hook", self._receive)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.url = f"{self.origin}/hook"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _receive(self, request):
        body = await request.read()
        event = orjson.loads(body)
        if event["type"] == "eu.twinlake.webhook.challenge":
            match self.challenge:
                case "right":
                    return web.Response(text=event["data"]["challenge"])
                case "echo":
                    return web.Response(body=body)
                case status:
                    return web.Response(status=status, text=event["data"]["challenge"])
        if self.secret is not None:
            Webhook(self.secret).verify(body, dict(request.headers))
        assert request.headers["webhook-id"] == event["id"]
        assert request.headers["content-type"].startswith("application/cloudevents+json")
        status = self.answers.pop(0) if self.answers else 204
        async with self.changed:
            self.attempts.append(event)
            if status < 300:
                self.messages.append(event)
            self.changed.notify_all()
        return web.Response(status=status, headers={"Location": "http://127.0.0.1:1/"} if 300 <= status < 400 else {})

    def subjects(self):
        return [event.get("subject") for event in self.messages]

    async def wait_for(self, count, what="messages"):
        """Wait until so many messages were accepted, or attempts made."""
        await self.wait_until(lambda: len(getattr(self, what)) >= count)

    async def wait_until(self, condition):
        """Wait until what was received fulfils *condition*."""
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(condition)
