"""The application: every route behind one guard."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from fastapi import Depends, FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from siming import __version__
from siming.store.database import Database
from siming.web.errors_page import REFUSALS, add_handlers
from siming.web.once import Counter
from siming.web.page import SHARED, STATIC
from siming.web.routes import APIS, PAGES, WORKERS
from siming.web.security import Guard, Tries
from siming.web.settings import Settings
from siming.web.who import csrf_ok


class _Static(StaticFiles):
    """Scripts, styles and pictures: asked for anew each time, sent again only when changed."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        if path == "sw.js":
            response.headers["Service-Worker-Allowed"] = "/"
        return response


@asynccontextmanager
async def _beside(app: FastAPI) -> AsyncIterator[None]:
    with ExitStack() as stack:
        for worker in WORKERS:
            stack.enter_context(worker(app))
        yield


def create_app(settings: Settings, db: Database) -> FastAPI:
    """The exam room on a database that `migrate` has brought up to date."""
    app = FastAPI(
        title="siming exam room",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=_beside,
        dependencies=[Depends(csrf_ok)],
    )
    app.state.settings = settings
    app.state.db = db
    app.state.tries = Tries()
    app.state.once = Counter()
    app.state.previewing = threading.Lock()
    app.state.vault = None  # opened when first needed
    app.state.vault_line = threading.Lock()
    for router in APIS:  # looked through before the pages: saving is what is asked most
        app.include_router(router, responses=REFUSALS)
    for router in PAGES:
        app.include_router(router)
    app.mount("/static", _Static(directory=STATIC, packages=[SHARED]), name="static")
    add_handlers(app)
    app.add_middleware(Guard, settings=settings)
    return app
