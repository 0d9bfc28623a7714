"""Who uses a platform: what people may do, their passwords, sessions and tokens, and what a ledger keeps of them.

Secrets are kept as digests only: who reads the ledger cannot log in with what is in it.
"""

from __future__ import annotations

import enum


class Role(enum.Enum):
    """What somebody may do; each may do all that those above it may."""

    VIEWER = "viewer"  # sees the own jobs
    SUBMITTER = "submitter"  # makes and changes them, too
    ADMIN = "admin"  # everything, and for everybody

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def covers(self, needed: Role) -> bool:
        """Whether who has this role may do what needs that one."""
        return self.rank >= needed.rank
