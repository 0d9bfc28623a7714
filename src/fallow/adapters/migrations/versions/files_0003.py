"""Results may be made of many files."""

from alembic import op

from fallow.adapters.ledger_steps import step

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    step(op.get_bind(), 3)
