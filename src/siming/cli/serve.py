"""`siming serve`: the exam room."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = (
    "Examples: [bold]siming serve[/]   "
    "[bold]siming serve --db postgresql+psycopg://room@db/room --media /srv/media[/]   "
    "[bold]siming serve --host 0.0.0.0 --certfile room.pem --keyfile room.key --allowed-host room.example.org[/]   "
    "[bold]siming serve --behind-proxy 127.0.0.1 --address https://room.example.org[/]   "
    "[bold]siming serve --largest-upload 50G[/]"
)


def serve(
    db: Annotated[
        str | None, typer.Option("--db", help="Database; a file in the data folder by default.", metavar="URL")
    ] = None,
    media: Annotated[
        Path | None, typer.Option(help="Folder of recordings; in the data folder by default.", metavar="DIR")
    ] = None,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 8470,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the room in the browser.")] = True,
    certfile: Annotated[Path | None, typer.Option(help="Certificate chain for TLS, PEM.", metavar="FILE")] = None,
    keyfile: Annotated[Path | None, typer.Option(help="Its private key, PEM.", metavar="FILE")] = None,
    address: Annotated[
        str | None, typer.Option(help="Under which browsers see the room, where host and port do not say it.")
    ] = None,
    allowed_host: Annotated[
        list[str] | None, typer.Option(help="Another name that browsers may call the room by.", metavar="NAME")
    ] = None,
    behind_proxy: Annotated[
        str | None, typer.Option(help="Address of the proxy whose X-Forwarded headers to believe.", metavar="IP")
    ] = None,
    largest_upload: Annotated[
        str | None,
        typer.Option(
            help="Largest recording taken, such as 500M or 50G; else SIMING_LARGEST_UPLOAD, else 20G.", metavar="SIZE"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print where the room is as JSON, for scripts.")] = False,
) -> None:
    """Run the exam room: two physicians rate blind in the browser, a third decides where they differ.

    The data folder is SIMING_HOME, else ~/.local/share/siming. Stop the server with Ctrl+C.
    """
    from siming.errors import MissingExtraError

    try:
        from siming.web import server
        from siming.web.settings import LARGEST_UPLOAD, size_of
    except ImportError as error:
        raise MissingExtraError("the exam room", "web") from error
    if largest_upload is not None:
        os.environ[LARGEST_UPLOAD] = str(size_of(largest_upload))
    server.log_to_stderr()
    server.serve(
        db_url=db,
        media=media,
        host=host,
        port=port,
        certfile=certfile,
        keyfile=keyfile,
        address=address,
        allowed_hosts=allowed_host or (),
        behind_proxy=behind_proxy,
        on_started=server.announce(as_json=as_json, open_browser=open_browser and not as_json),
    )
