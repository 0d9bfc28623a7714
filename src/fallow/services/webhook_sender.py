"""Sends what webhooks are to be told: taken from the ledger, so that a sender that dies loses nothing."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from fallow import log
from fallow.errors import FallowError, NotFound
from fallow.pipeline.context import Context
from fallow.services import webhook_call
from fallow.services.consumers import survive
from fallow.services.summaries import Summaries
from fallow.services.webhook_call import Answer
from fallow.webhooks import Call, Outcome, Webhook

ROUND = 2.0  # seconds between two looks
LEASE = 60.0  # seconds after which a call is another sender's, as the one who took it must have died
WEBHOOKS = 32  # that are called at a time
CALLS = 4  # of one of them
PAUSES = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0, 28800.0)  # a day in all
STOP_AFTER = 3 * 86400.0  # seconds of failures, after which a webhook is not called any more
KEPT = 7 * 86400.0  # seconds that it is known what became of a call
FORGET_EVERY = 3600.0
_dice = random.SystemRandom()


class Sender:
    """Calls webhooks; one that is slow holds up no other."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._summaries = Summaries(ctx)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._forget_at = ctx.clock.now() + FORGET_EVERY

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await survive("webhooks", self.look)
        finally:
            busy = list(self._busy.values())
            for task in busy:
                task.cancel()
            await asyncio.gather(*busy, return_exceptions=True)

    async def look(self) -> None:
        """Begin what is due, and wait until there may be more."""
        ledger, now = self._ctx.ledger, self._ctx.clock.now()
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY
            await ledger.forget_calls(now - KEPT)
        room = WEBHOOKS - len(self._busy)
        due = await ledger.due_webhooks(room, list(self._busy)) if room else []
        for hook in due:
            self._busy[hook.id] = asyncio.create_task(self._serve(hook))
        if not due:
            await self._ctx.clock.sleep(ROUND)
        elif self._busy:
            await asyncio.wait(self._busy.values(), timeout=ROUND, return_when=asyncio.FIRST_COMPLETED)

    async def _serve(self, hook: Webhook) -> None:
        try:
            calls = await self._ctx.ledger.take_calls(hook.id, LEASE, CALLS)
            await asyncio.gather(*(self._call(hook, call) for call in calls))
        except FallowError as error:  # what was taken is tried again
            log.trouble("webhooks.failed", str(error), webhook=hook.id)
        finally:
            del self._busy[hook.id]

    async def _call(self, hook: Webhook, call: Call) -> None:
        body = webhook_call.body_of(call.event, call.created, await self._data(call))
        answer, error = None, None
        try:
            answer = await webhook_call.send(
                hook, call.id, self._ctx.clock.now(), body, self._ctx.policy.webhook_reach
            )
        except FallowError as failed:
            error = failed
        outcome = outcome_of(hook, call, answer, webhook_call.told(error, answer), self._ctx.clock.now())
        await self._ctx.ledger.end_call(call, outcome)
        with log.about(webhook=hook.id, call=call.id, job=call.job, attempt=call.attempt):
            if outcome.error:
                log.trouble("webhook.failed", outcome.error, stopped=outcome.stop)
            else:
                log.event("webhook.called")

    async def _data(self, call: Call) -> dict[str, Any]:
        """What the job was like when it ended; all figures of it, unless it is gone, or under way again."""
        try:
            job = await self._ctx.ledger.job(call.job)
        except NotFound:
            return call.told
        if (job.state.value, job.updated) != (call.told["state"], call.told["updated"]):
            return call.told
        (summary,) = await self._summaries.of([job])
        found = {**call.told, **vars(summary)}
        del found["play_url"]  # whoever has it may play
        return found


def outcome_of(hook: Webhook, call: Call, answer: Answer | None, error: str, now: float) -> Outcome:
    """What follows from one try."""
    status = answer.status if answer else None
    if not error:
        return Outcome(status)
    if status == 410:
        return Outcome(status, error, stop="It answered with status 410: it wants no more calls.")
    if now - (hook.failing or now) >= STOP_AFTER:
        return Outcome(status, error, stop=f"No call has gone well for three days. The last one: {error}"[:255])
    if call.attempt > len(PAUSES):
        return Outcome(status, error)
    pause = PAUSES[call.attempt - 1] * _dice.uniform(0.9, 1.1)
    wanted = min(answer.later, PAUSES[-1]) if answer else 0.0
    return Outcome(status, error, now + max(pause, wanted))
