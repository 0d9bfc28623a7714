"""Ledgers that several contract tests work on."""

from ledger_steps import ledger, time, url  # noqa: F401 - fixtures
