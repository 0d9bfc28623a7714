"""People log in and have tokens, profiles and webhooks; jobs can be paused, workers sent home."""

from alembic import op

from fallow.adapters.ledger_steps import step

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    step(op.get_bind(), 5)
