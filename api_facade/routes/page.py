"""The operations page, at `/scheduler/ui/`. It asks for no token: it holds nothing but itself."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from falcon_scheduler.api_facade.page import POLICY, PageFile, PageFiles
from falcon_scheduler.core.errors import NotFound

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


def page_router(base: str) -> APIRouter:
    """The routes, for an API at `base`."""
    router = APIRouter(include_in_schema=False)
    files = PageFiles()

    @router.get(f"{base}/ui")
    async def lead_to_page() -> Response:
        """To where the page's own addresses, which are relative, lead to its files."""
        return RedirectResponse(f"{base}/ui/")

    @router.get(f"{base}/ui/")
    async def show_page(request: Request) -> Response:
        return _answer(request, files.index, ASK_AGAIN)

    @router.get(f"{base}/ui/{{version}}/{{name:path}}")
    async def show_file(version: str, name: str, request: Request) -> Response:
        """Of another version (a page that was open before, another facade) it is the present file, and not kept."""
        found = files.get(name)
        if found is None:
            raise NotFound(f"The page has no file {name[:100]!r}")
        return _answer(request, found, FOR_EVER if version == files.version else ASK_AGAIN)

    return router


def _answer(request: Request, file: PageFile, kept: str) -> Response:
    headers = {
        "Cache-Control": kept,
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "ETag": file.etag,
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") in {file.etag, f"W/{file.etag}"}:
        return Response(status_code=304, headers=headers)
    data = file.data
    if "gzip" in request.headers.get("accept-encoding", "") and len(file.packed) < len(file.data):
        data, headers["Content-Encoding"] = file.packed, "gzip"
    return Response(data, media_type=file.media_type, headers=headers)
