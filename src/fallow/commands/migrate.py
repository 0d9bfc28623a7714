"""`fallow migrate`: the tables of the ledger."""

from __future__ import annotations

from fallow.settings import Settings


def migrate(settings: Settings) -> str:
    """Bring the tables of the ledger that the settings name to this version; what to tell of it."""
    from fallow import wiring

    return f"The ledger has schema {wiring.migrate(settings)}."
