"""Who may do what: roles per project, checked here and nowhere else.

A page may hide a button; only these functions refuse. What an asker may not even know of is `NotFoundError`, worded as
if it did not exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from siming.errors import NotAllowedError, NotFoundError

Role = Literal["owner", "coordinator", "rater", "adjudicator", "analyst", "auditor", "model_runner"]
ROLES: tuple[Role, ...] = get_args(Role)

Right = Literal[
    "see_project",
    "manage_members",
    "manage_project",
    "manage_attempts",
    "see_originals",
    "see_identities",
    "plan",
    "rate",
    "compare",
    "adjudicate",
    "lock_consensus",
    "see_statistics",
    "see_raters",
    "export",
    "see_audit",
    "run_models",
]

RIGHTS: Mapping[Role, frozenset[Right]] = {
    "owner": frozenset(
        {"see_project", "manage_members", "manage_project", "manage_attempts", "see_originals", "see_identities", "plan",
         "compare", "lock_consensus", "see_statistics", "see_raters", "export", "see_audit"}
    ),
    "coordinator": frozenset(
        {"see_project", "manage_members", "manage_attempts", "see_originals", "plan", "compare", "lock_consensus",
         "see_statistics", "see_raters", "export"}
    ),
    "rater": frozenset({"see_project", "rate"}),
    "adjudicator": frozenset({"see_project", "adjudicate"}),
    "analyst": frozenset({"see_project", "see_statistics", "export"}),
    "auditor": frozenset({"see_project", "see_audit"}),
    "model_runner": frozenset({"see_project", "run_models"}),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a signed-in person with the roles he holds."""

    id: str
    login: str
    name: str
    language: Literal["en", "zh"] = "en"
    is_owner: bool = False
    """Owner of the installation: may create projects and accounts, and becomes owner of what he creates. Sees nothing
    of other people's projects unless he is a member; breaking that glass is an act of its own, and audited."""
    roles: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    """Project id to roles."""

    def rights_in(self, project: str) -> frozenset[Right]:
        """Everything he may do in a project."""
        held: frozenset[Right] = frozenset()
        for role in self.roles.get(project, frozenset()):
            held |= RIGHTS[role]
        return held

    def may(self, right: Right, project: str) -> bool:
        """Whether he may."""
        return right in self.rights_in(project)

    def require(self, right: Right, project: str) -> None:
        """Go on, or refuse.

        Raises:
            NotFoundError: he is no member, and learns no more than that from a project that is not there.
            NotAllowedError: a member without this right.
        """
        if not self.roles.get(project):
            raise NotFoundError(f"there is no project {project!r} that you belong to; ask its coordinator for a role")
        if not self.may(right, project):
            raise _lacks(right)

    def require_somewhere(self, right: Right) -> None:
        """Before anything is looked up by its id: go on unless he has roles and none of them gives this right.

        Whoever may not hears the same whether or not there is something of that id; after the look, what lies in a
        project where he lacks the right does not exist for him.

        Raises:
            NotAllowedError: a member of projects, with this right in none.
        """
        if self.roles and not any(self.may(right, project) for project in self.roles):
            raise _lacks(right)


def _lacks(right: Right) -> NotAllowedError:
    wanted = ", ".join(role for role in ROLES if right in RIGHTS[role])
    return NotAllowedError(f"this needs one of the roles {wanted}; ask the project's owner for it")


SYSTEM = Actor(id="siming", login="siming", name="siming")
"""Acts that nobody asked for, such as an ingest that ends."""
