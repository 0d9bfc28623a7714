"""What the ledger keeps of webhooks, and of the calls that they are still to get."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from fallow.adapters import ledger_rows as rows
from fallow.adapters.ledger_database import Database, change, fetch
from fallow.adapters.ledger_rows import Row
from fallow.adapters.ledger_tables import jobs, webhook_calls, webhooks
from fallow.errors import NotFound
from fallow.model import JobState
from fallow.webhooks import EVENTS, Call, CallState, Outcome, Webhook

_WAITING = webhook_calls.c.state == CallState.WAITING.value
_TOLD = [jobs.c[name] for name in ("id", "name", "owner", "state", "created", "updated", "error", "error_kind")]
_WENT_WELL = {"failing": None, "stopped": ""}


class WebhookRows:
    """The part of the ledger that is about webhooks."""

    _database: Database
    _now: Callable[[], float]

    async def add_webhook(self, webhook: Webhook, most: int) -> bool:
        def work(db: Connection) -> bool:
            mine = select(webhooks.c.id).where(webhooks.c.owner == webhook.owner).with_for_update()
            if len(fetch(db, mine)) >= most:
                return False
            db.execute(insert(webhooks), [{**vars(webhook), "events": " ".join(webhook.events)}])
            return True

        return await self._database.write(work)

    async def webhook(self, webhook: str) -> Webhook:
        found = await self._database.rows(select(webhooks).where(webhooks.c.id == webhook))
        if not found:
            raise NotFound("There is no such webhook.")
        return _webhook(found[0])

    async def webhooks(self, owner: str | None) -> list[Webhook]:
        mine = [] if owner is None else [webhooks.c.owner == owner]
        newest = select(webhooks).where(*mine).order_by(webhooks.c.created.desc(), webhooks.c.id)
        return [_webhook(row) for row in await self._database.rows(newest)]

    async def remove_webhook(self, webhook: str) -> bool:
        mine = delete(webhooks).where(webhooks.c.id == webhook)
        return await self._database.write(lambda db: db.execute(mine).rowcount > 0)

    async def webhook_works(self, webhook: str) -> None:
        await self._database.write(lambda db: change(db, webhooks, _WENT_WELL, webhooks.c.id == webhook))

    async def webhook_calls(self, webhook: str, limit: int) -> list[Call]:
        mine = select(webhook_calls).where(webhook_calls.c.webhook == webhook)
        newest = mine.order_by(webhook_calls.c.created.desc(), webhook_calls.c.id).limit(limit)
        return [_call(row) for row in await self._database.rows(newest)]

    async def due_webhooks(self, limit: int, but: Collection[str] = ()) -> list[Webhook]:
        first = func.min(webhook_calls.c.due)
        due = (_WAITING, webhook_calls.c.due <= self._now(), webhook_calls.c.webhook.not_in(list(but)))
        which = select(webhook_calls.c.webhook, first.label("first")).where(*due).group_by(webhook_calls.c.webhook)
        soonest = which.order_by(first).limit(limit).subquery()
        query = select(webhooks).join(soonest, soonest.c.webhook == webhooks.c.id).order_by(soonest.c.first)
        return [_webhook(row) for row in await self._database.rows(query)]

    async def take_calls(self, webhook: str, seconds: float, limit: int) -> list[Call]:
        due = (webhook_calls.c.webhook == webhook, _WAITING, webhook_calls.c.due <= self._now())

        def work(db: Connection) -> list[Call]:
            soonest = select(webhook_calls).where(*due).order_by(webhook_calls.c.due).limit(limit)
            taken = []
            for row in fetch(db, soonest):
                values = {"attempt": row["attempt"] + 1, "due": self._now() + seconds}
                if change(db, webhook_calls, values, *_as_it_was(row["id"], row["attempt"])):
                    taken.append(_call({**row, **values}))
            return taken

        return await self._database.write(work)

    async def end_call(self, call: Call, outcome: Outcome) -> None:
        def work(db: Connection) -> None:
            if not outcome.error:
                change(db, webhook_calls, self._ended(CallState.DELIVERED, outcome), webhook_calls.c.id == call.id)
                change(db, webhooks, {"failing": None}, webhooks.c.id == call.webhook)
                return
            if outcome.again is None:
                values = self._ended(CallState.GIVEN_UP, outcome)
            else:
                values = {"due": outcome.again, "status": outcome.status, "error": outcome.error}
            if change(db, webhook_calls, values, *_as_it_was(call.id, call.attempt)):
                self._failed(db, call.webhook, outcome.stop)

        await self._database.write(work)

    async def forget_calls(self, before: float) -> int:
        old = delete(webhook_calls).where(webhook_calls.c.state != CallState.WAITING.value)
        return await self._database.write(
            lambda db: int(db.execute(old.where(webhook_calls.c.ended < before)).rowcount)
        )

    def _ended(self, state: CallState, outcome: Outcome) -> dict[str, Any]:
        return {"state": state.value, "ended": self._now(), "status": outcome.status, "error": outcome.error}

    def _failed(self, db: Connection, webhook: str, stop: str) -> None:
        mine = webhooks.c.id == webhook
        db.execute(update(webhooks).where(mine).values(failing=func.coalesce(webhooks.c.failing, self._now())))
        if stop:
            change(db, webhooks, {"stopped": stop}, mine)
            given_up = {"state": CallState.GIVEN_UP.value, "ended": self._now(), "error": stop}
            change(db, webhook_calls, given_up, webhook_calls.c.webhook == webhook, _WAITING)


def note_end(db: Connection, job: str, state: JobState, now: float) -> None:
    """In the transaction that ends a job: write the calls that tell of it. What measures another job is none."""
    event = next(name for name, told in EVENTS.items() if told is state)
    its = select(jobs.c.owner).where(jobs.c.id == job).scalar_subquery()
    whose = (webhooks.c.owner == its) | (webhooks.c.owner == "")
    found = fetch(db, select(webhooks).where(whose, webhooks.c.stopped == ""))
    hooks = [hook for row in found if event in (hook := _webhook(row)).events]
    if hooks:
        (row,) = fetch(db, select(*_TOLD, jobs.c.options).where(jobs.c.id == job))
        told = dict(row)
        if json.loads(told.pop("options")).get("measures"):
            return
        common: dict[str, Any] = {"job": job, "event": event, "told": rows.dumps(told), "error": ""}
        common |= {"state": CallState.WAITING.value, "created": now, "attempt": 0, "due": now}
        made = [{"id": f"call_{uuid.uuid4().hex}", "webhook": hook.id, **common} for hook in hooks]
        db.execute(insert(webhook_calls), made)


def _as_it_was(call: str, attempt: int) -> tuple[Any, ...]:
    return webhook_calls.c.id == call, webhook_calls.c.attempt == attempt, _WAITING


def _webhook(row: Row) -> Webhook:
    return Webhook(**{**row, "events": tuple(row["events"].split())})


def _call(row: Row) -> Call:
    return Call(**{**row, "told": json.loads(row["told"]), "state": CallState(row["state"])})
