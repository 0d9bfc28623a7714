"""Webhooks of who asks: whom the platform tells when a job has ended."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from fallow.accounts.limits import Limit, Tries
from fallow.errors import Conflict, FallowError, NotFound
from fallow.pipeline.context import Context
from fallow.services import webhook_call
from fallow.services.access import Who, who
from fallow.webhooks import EVENTS, Call, CallState, Webhook

MOST = 20  # of one owner
LATEST = 50  # calls that are shown
TRIALS = Limit(tries=20, pause=5.0)  # of each user
_WEBHOOK: dict[str, JsonValue] = {
    "id": "5f2c…",
    "owner": "anna",
    "url": "https://example.com/told",
    "events": ["job.done", "job.failed"],
    "created": 1760000000.0,
    "failing": None,
    "stopped": "",
}
_CALL: dict[str, JsonValue] = {
    "id": "call_7d1e…",
    "job": "3f1c…",
    "event": "job.done",
    "state": "waiting",
    "created": 1760000000.0,
    "attempt": 1,
    "due": 1760000005.2,
    "ended": None,
    "status": 500,
    "error": "It answered with status 500.",
}

Event = Literal["job.done", "job.failed", "job.cancelled"]


class NewWebhook(BaseModel):
    """Whom to tell of what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"url": "https://example.com/told", "events": ["job.done"]}]},
    )

    url: str = Field(max_length=webhook_call.LONGEST_URL, description="http or https; it gets a POST.")
    events: list[Event] = Field(default_factory=lambda: _all(), min_length=1, description="All unless told.")


class WebhookView(BaseModel):
    """A webhook, without its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WEBHOOK]})

    id: str
    owner: str
    url: str
    events: list[str]
    created: float
    failing: float | None = Field(description="Since when no call has gone well; null: the last one has.")
    stopped: str = Field(description="Why it is not called any more; a test that goes well begins anew.")

    @classmethod
    def of(cls, hook: Webhook) -> WebhookView:
        return cls(**{name: getattr(hook, name) for name in WebhookView.model_fields})


class MadeWebhook(WebhookView):
    """A new webhook; its secret is told this once."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_WEBHOOK, "secret": "whsec_…"}]})

    secret: str = Field(description="Its calls are signed with it, as Standard Webhooks has it.")


class WebhooksView(BaseModel):
    """One's webhooks, an admin's are everybody's; the newest first."""

    webhooks: list[WebhookView]


class CallView(BaseModel):
    """What one webhook is told of one end of a job."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CALL]})

    id: str = Field(description="The webhook-id of the call, whichever try it is.")
    job: str
    event: str
    state: CallState
    created: float = Field(description="When the job ended.")
    attempt: int = Field(description="How often it was tried.")
    due: float | None = Field(description="When it is tried next.")
    ended: float | None = Field(description="When it was delivered, or given up.")
    status: int | None = Field(description="Of the last answer; null: there was none.")
    error: str = Field(description="What was wrong with the last try.")

    @classmethod
    def of(cls, call: Call) -> CallView:
        found = {name: getattr(call, name) for name in CallView.model_fields}
        return cls(**found | {"due": call.due if call.state is CallState.WAITING else None})


class CallsView(BaseModel):
    """The latest calls of a webhook, the newest first."""

    calls: list[CallView]


class TrialView(BaseModel):
    """What came of a test."""

    delivered: bool
    status: int | None = Field(description="Of the answer; null: there was none.")
    error: str
    seconds: float


def router(ctx: Context) -> APIRouter:
    """What is under /api/v1/webhooks."""
    router = APIRouter(prefix="/api/v1", tags=["webhooks"])
    trials = Tries(TRIALS, time.monotonic)

    @router.get("/webhooks", operation_id="webhooks")
    async def webhooks(request: Request) -> WebhooksView:
        found = await ctx.ledger.webhooks(who(request).owner)
        return WebhooksView(webhooks=[WebhookView.of(hook) for hook in found])

    @router.post("/webhooks", operation_id="add_webhook", status_code=201)
    async def add(body: NewWebhook, request: Request) -> MadeWebhook:
        """A URL that is called when a job of one's own has ended. Its secret comes back, this once."""
        hook = _made(who(request), body.url, body.events, ctx.clock.now())
        if not await ctx.ledger.add_webhook(hook, MOST):
            raise Conflict(f"You have {MOST} webhooks, which are all that one user may have; remove one first.")
        return MadeWebhook(**WebhookView.of(hook).model_dump(), secret=hook.secret)

    @router.delete("/webhooks/{id}", operation_id="remove_webhook", status_code=204)
    async def remove(id: str, request: Request) -> None:
        """It is not called any more, from now on."""
        await ctx.ledger.remove_webhook((await _of(ctx, who(request), id)).id)

    @router.get("/webhooks/{id}/calls", operation_id="webhook_calls")
    async def calls(id: str, request: Request) -> CallsView:
        """What it was told of late, or is to be told."""
        hook = await _of(ctx, who(request), id)
        return CallsView(calls=[CallView.of(call) for call in await ctx.ledger.webhook_calls(hook.id, LATEST)])

    @router.post("/webhooks/{id}/test", operation_id="test_webhook")
    async def test(id: str, request: Request) -> TrialView:
        """Call it now, with an event `test`. One that was stopped is called again when this goes well."""
        hook = await _of(ctx, who(request), id)
        trials.spend(who(request).name)
        return await _try(ctx, hook)

    return router


def _all() -> list[Event]:
    return list(EVENTS)  # type: ignore[arg-type]


def _made(somebody: Who, url: str, events: Sequence[str], now: float) -> Webhook:
    """Raises Rejected."""
    webhook_call.check_url(url)
    wanted = tuple(name for name in EVENTS if name in events)
    return Webhook(uuid.uuid4().hex[:20], somebody.name, url, webhook_call.new_secret(), wanted, now)


async def _of(ctx: Context, somebody: Who, webhook: str) -> Webhook:
    """Raises NotFound for one of others, as for one that is not there."""
    found = await ctx.ledger.webhook(webhook)
    if not somebody.sees(found.owner):
        raise NotFound("There is no such webhook.")
    return found


async def _try(ctx: Context, hook: Webhook) -> TrialView:
    now, begun, answer, error = ctx.clock.now(), time.monotonic(), None, None
    body = webhook_call.body_of("test", now, {"webhook": hook.id})
    try:
        answer = await webhook_call.send(hook, f"test_{uuid.uuid4().hex}", now, body, ctx.policy.webhook_reach)
    except FallowError as failed:
        error = failed
    told, seconds = webhook_call.told(error, answer), time.monotonic() - begun
    if not told:
        await ctx.ledger.webhook_works(hook.id)
    status = answer.status if answer else None
    return TrialView(delivered=not told, status=status, error=told, seconds=round(seconds, 3))
