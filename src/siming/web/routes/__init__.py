"""Every page and every part of the API; a new one adds its line here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from fastapi import APIRouter, FastAPI

from siming.web.counting import counting_beside
from siming.web.incoming import reading_beside
from siming.web.ingest import ingesting
from siming.web.making import making_beside
from siming.web.routes import (
    account,
    adjudicate,
    agreement,
    api_docs,
    attempts,
    audit,
    calibration,
    compare,
    consensus,
    devices,
    export,
    films_api,
    home,
    masks,
    media,
    members,
    oidc,
    people,
    people_api,
    plan,
    project,
    projects_api,
    queue,
    rate,
    rating_api,
    rubrics,
    setup,
    sign_in,
    summary,
    upload,
)

PAGES: tuple[APIRouter, ...] = (
    setup.pages,
    sign_in.pages,
    oidc.pages,
    home.pages,
    project.pages,
    members.pages,
    rubrics.pages,
    audit.pages,
    account.pages,
    people.pages,
    api_docs.pages,
    attempts.pages,
    masks.pages,
    upload.pages,
    media.pages,
    queue.pages,
    summary.pages,
    devices.pages,
    rate.pages,
    compare.pages,
    adjudicate.pages,
    consensus.pages,
    agreement.pages,
    plan.pages,
    calibration.pages,
    export.pages,
)
"""HTML and forms."""

APIS: tuple[APIRouter, ...] = (
    rating_api.api,  # first, because every rater saves every two seconds and routers are looked through in order
    sign_in.api,
    rubrics.api,
    rate.api,
    devices.api,
    attempts.api,
    upload.api,
    media.api,
    compare.api,
    adjudicate.api,
    consensus.api,
    agreement.api,
    plan.api,
    calibration.api,
    export.api,
    projects_api.api,
    people_api.api,
    films_api.api,
)
"""JSON below /api/v1."""

WORKERS: tuple[Callable[[FastAPI], AbstractContextManager[object]], ...] = (
    ingesting,
    counting_beside,
    making_beside,
    reading_beside,
)
"""What runs beside the server: entered when it starts, left when it stops."""
