"""How the ledger's tables come to be, step by step, with Alembic: `fallow migrate` takes those that are missing.

- env: runs the steps on the connection that it is given
"""
