"""Workers say why they pause, and how much energy their attempts took."""

from alembic import op

from fallow.adapters.ledger_steps import step

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    step(op.get_bind(), 6)
