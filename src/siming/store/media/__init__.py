"""Attempts and their recordings: uploads, originals, derivatives, who may see which, and erasure by law."""
