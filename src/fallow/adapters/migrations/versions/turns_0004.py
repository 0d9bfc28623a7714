"""Jobs have owners and take turns, tasks may have a second lease."""

from alembic import op

from fallow.adapters.ledger_steps import step

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    step(op.get_bind(), 4)
