"""The exam room's database: people, attempts, blind ratings, adjudication, consensus, audit.

Every function takes the database and the `Actor` who asks, checks his right, and does one thing in one transaction.
"""

from siming.store.access import ROLES, SYSTEM, Actor, Role
from siming.store.canonical import canonical_json, digest
from siming.store.database import Database, moment_of, new_id, time_text
from siming.store.migrate import migrate
from siming.store.policy import Policy

__all__ = [
    "ROLES",
    "SYSTEM",
    "Actor",
    "Database",
    "Policy",
    "Role",
    "canonical_json",
    "digest",
    "migrate",
    "moment_of",
    "new_id",
    "time_text",
]
