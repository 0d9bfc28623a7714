"""What `fallow doctor` says, for tests: never a secret, and never for ever."""

import asyncio

from fallow import wiring
from fallow.settings import Settings
from servers.mariadb import PASSWORD as DATABASE_PASSWORD
from servers.mariadb import QUOTED as DATABASE_QUOTED
from servers.rabbitmq import PASSWORD as BROKER_PASSWORD
from servers.rabbitmq import QUOTED

SECRETS = (
    BROKER_PASSWORD,
    QUOTED,
    DATABASE_PASSWORD,
    "QUEUE_PASSWORD",
    "LEDGER_PASSWORD",
    DATABASE_QUOTED,
    "SECRETEXAMPLE",
    "WRONG",
    "Eby8vdM02xNOcqFl",
)


async def look(**urls):
    """Each finding as its state and all that is said; never with a secret, and never for ever."""
    async with asyncio.timeout(120):
        findings = await wiring.examine(Settings(**urls))
    told = [(finding.state, f"{finding.detail}. {finding.remedy}") for finding in findings]
    assert [secret for secret in SECRETS for _, text in told if secret in text] == []
    return told


def states(told):
    return [state for state, _ in told]


def of(state, told):
    """The one thing that is so."""
    (found,) = [text for each, text in told if each == state]
    return found
