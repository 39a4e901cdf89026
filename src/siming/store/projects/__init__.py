"""Projects, their members and roles, and the rubric versions they rate by."""
