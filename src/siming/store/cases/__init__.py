"""After both have locked: comparison, adjudication cases, consensus and appeal."""
