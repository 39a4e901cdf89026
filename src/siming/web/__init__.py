"""The exam room in the browser, and the same over HTTP as JSON."""
