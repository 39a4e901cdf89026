"""Fixtures of the web's tests."""

from rooms_web import browser, served, visit, web

__all__ = ["browser", "served", "visit", "web"]
