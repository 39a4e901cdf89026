"""What a tab runs in, as far as a person who looks for the device needs to know it: never more than family and system."""

from __future__ import annotations

FAMILIES = (
    ("Edg", "Edge"),
    ("MicroMessenger", "WeChat"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
"""Marks and names; many browsers also carry the marks of the later ones."""

SYSTEMS = (
    ("iPad", "iPad"),
    ("iPhone", "iPhone"),
    ("OpenHarmony", "HarmonyOS"),
    ("HarmonyOS", "HarmonyOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def browser_of(user_agent: str) -> str | None:
    """Family and system from the header that a browser sends; None where it is no known browser.

    >>> browser_of("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36")
    'Chrome, Android'
    """
    found = [next((name for mark, name in known if mark in user_agent[:500]), None) for known in (FAMILIES, SYSTEMS)]
    return ", ".join(name for name in found if name) or None
