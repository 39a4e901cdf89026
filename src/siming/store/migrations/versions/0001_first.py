"""The first tables.

Made by tools/make_migration.py; never changed after the first release.
"""

import sqlalchemy as sa
from alembic import op

from siming.store.triggers import all_guards

revision = "0001"
down_revision = None

APPEND_ONLY = (
    "audit_event",
    "rating_event",
    "submission",
    "decision",
    "confirmation",
    "late_write",
    "model_run",
    "stat_snapshot",
    "release",
)
"""Tables whose rows never change and never go."""
KEPT = {
    "adjudication_case": ("id", "attempt", "first", "second", "mode", "swapped", "policy", "created_at"),
    "consensus_version": (
        "id",
        "attempt",
        "number",
        "case",
        "sheets",
        "provenance",
        "parents",
        "reason",
        "made_by",
        "created_at",
        "sha256",
    ),
    "gold_sheet": ("id", "attempt", "sheet", "source", "created_at"),
}
"""Tables whose rows never go, and what of them never changes."""


def upgrade() -> None:
    """From nothing to the first release."""
    op.create_table(
        "audit_event",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=True),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_event")),
    )
    op.create_index(op.f("ix_audit_event_project"), "audit_event", ["project"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_reason",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("erased_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_audit_reason")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("oidc_subject", sa.Text(), nullable=True),
        sa.Column("is_owner", sa.Boolean(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("disabled_at", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("login", name=op.f("uq_person_login")),
        sa.UniqueConstraint("oidc_subject", name=op.f("uq_person_oidc_subject")),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_project_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("slug", name=op.f("uq_project_slug")),
    )
    op.create_table(
        "rubric_version",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("rubric", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("published_at", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('draft', 'published', 'retired')", name=op.f("ck_rubric_version_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rubric_version")),
        sa.UniqueConstraint("rubric", "version", name=op.f("uq_rubric_version_rubric_version")),
    )
    op.create_table(
        "secret",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secret")),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=True),
        sa.Column("revoked_at", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_api_token_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_index(op.f("ix_api_token_person"), "api_token", ["person"], unique=False)
    op.create_table(
        "attempt",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("occasion", sa.Text(), nullable=True),
        sa.Column("candidate_code", sa.Text(), nullable=True),
        sa.Column("rubrics", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("excluded_reason", sa.Text(), nullable=True),
        sa.Column("excluded_by", sa.Text(), nullable=True),
        sa.Column("exclusion_confirmed_by", sa.Text(), nullable=True),
        sa.Column("gold", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('usable', 'exclusion_asked', 'excluded')", name=op.f("ck_attempt_state")),
        sa.ForeignKeyConstraint(["excluded_by"], ["person.id"], name=op.f("fk_attempt_excluded_by")),
        sa.ForeignKeyConstraint(
            ["exclusion_confirmed_by"], ["person.id"], name=op.f("fk_attempt_exclusion_confirmed_by")
        ),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_attempt_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("project", "code", name=op.f("uq_attempt_project_code")),
    )
    op.create_index(op.f("ix_attempt_project"), "attempt", ["project"], unique=False)
    op.create_table(
        "invitation",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.Column("used_at", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_invitation_person")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_invitation")),
    )
    op.create_index(op.f("ix_invitation_person"), "invitation", ["person"], unique=False)
    op.create_table(
        "membership",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("held", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=True),
        sa.Column("conflicts", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Float(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_membership_person")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_membership_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint("project", "code", name=op.f("uq_membership_project_code")),
        sa.UniqueConstraint("project", "person", name=op.f("uq_membership_project_person")),
    )
    op.create_index(op.f("ix_membership_person"), "membership", ["person"], unique=False)
    op.create_index(op.f("ix_membership_project"), "membership", ["project"], unique=False)
    op.create_table(
        "object_view",
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("first_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_object_view_person")),
        sa.PrimaryKeyConstraint("object", "person", "session", name=op.f("pk_object_view")),
    )
    op.create_table(
        "project_rubric",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("rubric_version", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_project_rubric_project")),
        sa.ForeignKeyConstraint(
            ["rubric_version"], ["rubric_version.id"], name=op.f("fk_project_rubric_rubric_version")
        ),
        sa.UniqueConstraint("project", "rubric_version", name=op.f("uq_project_rubric_project_rubric_version")),
    )
    op.create_index(op.f("ix_project_rubric_project"), "project_rubric", ["project"], unique=False)
    op.create_index(op.f("ix_project_rubric_rubric_version"), "project_rubric", ["rubric_version"], unique=False)
    op.create_table(
        "release",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("manifest_sha256", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_release_made_by")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_release_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release")),
        sa.UniqueConstraint("project", "name", name=op.f("uq_release_project_name")),
    )
    op.create_index(op.f("ix_release_project"), "release", ["project"], unique=False)
    op.create_table(
        "stat_snapshot",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("inputs_sha256", sa.Text(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.Column("n_submissions", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("configuration", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_stat_snapshot_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stat_snapshot")),
    )
    op.create_index("ix_stat_snapshot_lookup", "stat_snapshot", ["project", "kind", "inputs_sha256"], unique=False)
    op.create_index(op.f("ix_stat_snapshot_project"), "stat_snapshot", ["project"], unique=False)
    op.create_table(
        "web_session",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_web_session_person")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_session")),
    )
    op.create_index(op.f("ix_web_session_person"), "web_session", ["person"], unique=False)
    op.create_table(
        "assignment",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=False),
        sa.Column("rater", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("rubrics", sa.Text(), nullable=False),
        sa.Column("media_sha256", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("not_before", sa.Text(), nullable=True),
        sa.Column("wait_days", sa.Integer(), nullable=True),
        sa.Column("due_at", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("reopened_reason", sa.Text(), nullable=True),
        sa.Column("draft", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("writer", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('score', 'link', 'repeat', 'calibration', 'ai_assisted')", name=op.f("ck_assignment_purpose")
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'open', 'in_progress', 'submitted', 'reopened', 'withdrawn')",
            name=op.f("ck_assignment_state"),
        ),
        sa.ForeignKeyConstraint(["attempt"], ["attempt.id"], name=op.f("fk_assignment_attempt")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_assignment_project")),
        sa.ForeignKeyConstraint(["rater"], ["person.id"], name=op.f("fk_assignment_rater")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
    )
    op.create_index("ix_assignment_attempt", "assignment", ["attempt", "rater", "state"], unique=False)
    op.create_index(op.f("ix_assignment_project"), "assignment", ["project"], unique=False)
    op.create_index("ix_assignment_queue", "assignment", ["rater", "project", "state", "position"], unique=False)
    op.create_table(
        "gold_sheet",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=False),
        sa.Column("sheet", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("replaced_at", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["attempt"], ["attempt.id"], name=op.f("fk_gold_sheet_attempt")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gold_sheet")),
    )
    op.create_index(op.f("ix_gold_sheet_attempt"), "gold_sheet", ["attempt"], unique=False)
    op.create_table(
        "media",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("made_from", sa.Text(), nullable=True),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("rate", sa.Text(), nullable=True),
        sa.Column("time_map", sa.Text(), nullable=True),
        sa.Column("recipe", sa.Text(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("clock_offset_s", sa.Float(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind <> 'derivative' OR (time_map IS NOT NULL AND made_from IS NOT NULL)", name=op.f("ck_media_time_map")
        ),
        sa.CheckConstraint("kind IN ('original', 'derivative')", name=op.f("ck_media_kind")),
        sa.CheckConstraint(
            "state IN ('ingest', 'review', 'verified', 'quarantined', 'erased')", name=op.f("ck_media_state")
        ),
        sa.ForeignKeyConstraint(["attempt"], ["attempt.id"], name=op.f("fk_media_attempt")),
        sa.ForeignKeyConstraint(["made_from"], ["media.id"], name=op.f("fk_media_made_from")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    op.create_index(op.f("ix_media_attempt"), "media", ["attempt"], unique=False)
    op.create_table(
        "model_run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("rubric", sa.Text(), nullable=False),
        sa.Column("sheet", sa.Text(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["added_by"], ["person.id"], name=op.f("fk_model_run_added_by")),
        sa.ForeignKeyConstraint(["attempt"], ["attempt.id"], name=op.f("fk_model_run_attempt")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_model_run_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_run")),
    )
    op.create_index(op.f("ix_model_run_attempt"), "model_run", ["attempt"], unique=False)
    op.create_index(op.f("ix_model_run_project"), "model_run", ["project"], unique=False)
    op.create_table(
        "device",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("assignment", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("unsent", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.Text(), nullable=False),
        sa.Column("written_off_at", sa.Text(), nullable=True),
        sa.Column("written_off_by", sa.Text(), nullable=True),
        sa.Column("written_off_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["assignment"], ["assignment.id"], name=op.f("fk_device_assignment")),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_device_person")),
        sa.ForeignKeyConstraint(["written_off_by"], ["person.id"], name=op.f("fk_device_written_off_by")),
        sa.PrimaryKeyConstraint("client", "assignment", name=op.f("pk_device")),
    )
    op.create_index(op.f("ix_device_assignment"), "device", ["assignment"], unique=False)
    op.create_table(
        "media_view",
        sa.Column("media", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("first_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["media"], ["media.id"], name=op.f("fk_media_view_media")),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_media_view_person")),
        sa.PrimaryKeyConstraint("media", "person", "session", name=op.f("pk_media_view")),
    )
    op.create_table(
        "rating_event",
        sa.Column("assignment", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("client_seq", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("aside", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("rubric", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("old", sa.Text(), nullable=True),
        sa.Column("new", sa.Text(), nullable=True),
        sa.Column("media_s", sa.Float(), nullable=True),
        sa.Column("client_at", sa.Text(), nullable=False),
        sa.Column("server_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["assignment"], ["assignment.id"], name=op.f("fk_rating_event_assignment")),
        sa.PrimaryKeyConstraint("assignment", "seq", name=op.f("pk_rating_event")),
        sa.UniqueConstraint(
            "assignment", "client", "client_seq", name=op.f("uq_rating_event_assignment_client_client_seq")
        ),
    )
    op.create_table(
        "submission",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("assignment", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("rubrics", sa.Text(), nullable=False),
        sa.Column("sheets", sa.Text(), nullable=False),
        sa.Column("snapshot_sha256", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("media_sha256", sa.Text(), nullable=True),
        sa.Column("played_share", sa.Float(), nullable=True),
        sa.Column("work_s", sa.Float(), nullable=True),
        sa.Column("initials", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("locked_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["assignment"], ["assignment.id"], name=op.f("fk_submission_assignment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("assignment", "revision", name=op.f("uq_submission_assignment_revision")),
    )
    op.create_index(op.f("ix_submission_assignment"), "submission", ["assignment"], unique=False)
    op.create_table(
        "upload",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("camera", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("problem_text", sa.Text(), nullable=True),
        sa.Column("original", sa.Text(), nullable=True),
        sa.Column("derivative", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('receiving', 'queued', 'working', 'done', 'failed', 'cancelled')", name=op.f("ck_upload_state")
        ),
        sa.ForeignKeyConstraint(["attempt"], ["attempt.id"], name=op.f("fk_upload_attempt")),
        sa.ForeignKeyConstraint(["derivative"], ["media.id"], name=op.f("fk_upload_derivative")),
        sa.ForeignKeyConstraint(["original"], ["media.id"], name=op.f("fk_upload_original")),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_upload_person")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_upload_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    op.create_index(op.f("ix_upload_attempt"), "upload", ["attempt"], unique=False)
    op.create_index(op.f("ix_upload_person"), "upload", ["person"], unique=False)
    op.create_index(op.f("ix_upload_project"), "upload", ["project"], unique=False)
    op.create_table(
        "adjudication_case",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=False),
        sa.Column("first", sa.Text(), nullable=False),
        sa.Column("second", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("swapped", sa.Boolean(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.Text(), nullable=True),
        sa.Column("n_open", sa.Integer(), nullable=False),
        sa.Column("n_critical", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.Text(), nullable=True),
        sa.CheckConstraint("mode IN ('third', 'joint')", name=op.f("ck_adjudication_case_mode")),
        sa.CheckConstraint(
            "state IN ('open', 'leased', 'decided', 'confirmed', 'withdrawn')", name=op.f("ck_adjudication_case_state")
        ),
        sa.ForeignKeyConstraint(["attempt"], ["attempt.id"], name=op.f("fk_adjudication_case_attempt")),
        sa.ForeignKeyConstraint(["first"], ["submission.id"], name=op.f("fk_adjudication_case_first")),
        sa.ForeignKeyConstraint(["holder"], ["person.id"], name=op.f("fk_adjudication_case_holder")),
        sa.ForeignKeyConstraint(["second"], ["submission.id"], name=op.f("fk_adjudication_case_second")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjudication_case")),
        sa.UniqueConstraint("first", "second", name=op.f("uq_adjudication_case_first_second")),
    )
    op.create_index(op.f("ix_adjudication_case_attempt"), "adjudication_case", ["attempt"], unique=False)
    op.create_table(
        "comparison",
        sa.Column("first", sa.Text(), nullable=False),
        sa.Column("second", sa.Text(), nullable=False),
        sa.Column("tolerance", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.Column("points", sa.Text(), nullable=False),
        sa.Column("n_exact", sa.Integer(), nullable=False),
        sa.Column("n_evidence_disjoint", sa.Integer(), nullable=False),
        sa.Column("n_within_tolerance", sa.Integer(), nullable=False),
        sa.Column("n_discrepant", sa.Integer(), nullable=False),
        sa.Column("n_blank", sa.Integer(), nullable=False),
        sa.Column("n_critical_mismatch", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["attempt"], ["attempt.id"], name=op.f("fk_comparison_attempt")),
        sa.ForeignKeyConstraint(["first"], ["submission.id"], name=op.f("fk_comparison_first")),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_comparison_project")),
        sa.ForeignKeyConstraint(["second"], ["submission.id"], name=op.f("fk_comparison_second")),
        sa.PrimaryKeyConstraint("first", "second", "tolerance", name=op.f("pk_comparison")),
    )
    op.create_index(op.f("ix_comparison_attempt"), "comparison", ["attempt"], unique=False)
    op.create_index(op.f("ix_comparison_project"), "comparison", ["project"], unique=False)
    op.create_table(
        "confirmation",
        sa.Column("case", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("confirmed_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["adjudication_case.id"], name=op.f("fk_confirmation_case")),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_confirmation_person")),
        sa.PrimaryKeyConstraint("case", "version", "person", name=op.f("pk_confirmation")),
    )
    op.create_table(
        "consensus_version",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("case", sa.Text(), nullable=True),
        sa.Column("sheets", sa.Text(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("parents", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("made_by", sa.Text(), nullable=True),
        sa.Column("locked_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("locked_at", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('provisional', 'locked', 'superseded')", name=op.f("ck_consensus_version_state")),
        sa.ForeignKeyConstraint(["attempt"], ["attempt.id"], name=op.f("fk_consensus_version_attempt")),
        sa.ForeignKeyConstraint(["case"], ["adjudication_case.id"], name=op.f("fk_consensus_version_case")),
        sa.ForeignKeyConstraint(["locked_by"], ["person.id"], name=op.f("fk_consensus_version_locked_by")),
        sa.ForeignKeyConstraint(["made_by"], ["person.id"], name=op.f("fk_consensus_version_made_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consensus_version")),
        sa.UniqueConstraint("attempt", "number", name=op.f("uq_consensus_version_attempt_number")),
    )
    op.create_index(op.f("ix_consensus_version_attempt"), "consensus_version", ["attempt"], unique=False)
    op.create_index(op.f("ix_consensus_version_case"), "consensus_version", ["case"], unique=False)
    op.create_table(
        "decision",
        sa.Column("case", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("rubric", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=True),
        sa.Column("entry", sa.Text(), nullable=True),
        sa.Column("template", sa.Text(), nullable=True),
        sa.Column("rationale", sa.Text(), nullable=False),
        sa.Column("undoes", sa.Integer(), nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("decided_at", sa.Text(), nullable=False),
        sa.CheckConstraint("choice IN ('first', 'second', 'other')", name=op.f("ck_decision_choice")),
        sa.CheckConstraint("kind IN ('decide', 'reopen_agreed', 'undo', 'appeal')", name=op.f("ck_decision_kind")),
        sa.ForeignKeyConstraint(["case"], ["adjudication_case.id"], name=op.f("fk_decision_case")),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_decision_person")),
        sa.PrimaryKeyConstraint("case", "version", name=op.f("pk_decision")),
    )
    op.create_table(
        "late_write",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("case", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("refused_because", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["adjudication_case.id"], name=op.f("fk_late_write_case")),
        sa.ForeignKeyConstraint(["person"], ["person.id"], name=op.f("fk_late_write_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_late_write")),
    )
    op.create_index(op.f("ix_late_write_case"), "late_write", ["case"], unique=False)
    for statement in all_guards(APPEND_ONLY, KEPT, dialect=op.get_bind().dialect.name):
        op.execute(statement)
    op.execute("INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '')")
