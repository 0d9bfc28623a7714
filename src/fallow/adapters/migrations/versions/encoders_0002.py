"""Tasks say which encoder they need."""

from alembic import op

from fallow.adapters.ledger_steps import step

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    step(op.get_bind(), 2)
