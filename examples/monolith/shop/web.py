"""The shop's web application.

Functions are called through their modules, ``pricing.quote(...)``, so that what stands there can be replaced. Endpoints
are ``def``: Starlette runs them in its threads, where a call that waits holds up no other request.
"""

from typing import cast

from anyio import from_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from . import cart, images, money, pricing, reports
from .data import Store


def application(store: Store) -> Starlette:
    app = Starlette(
        routes=[
            Route("/cart", price_cart, methods=["POST"]),
            Route("/thumbnail", show_thumbnail),
            Route("/report", show_report),
        ]
    )
    app.state.store = store
    return app


def price_cart(request: Request) -> Response:
    """Prices ``{"customer": ..., "lines": [{"sku": ..., "quantity": ...}, ...]}``; 404 if one of them is not sold."""
    order = from_thread.run(request.json)
    filled = cart.empty(order["customer"])
    try:
        for line in order["lines"]:
            cart.add(filled, pricing.quote(line["sku"], line["quantity"], order["customer"]))
    except ValueError as error:
        return JSONResponse({"error": str(error)}, status_code=404)
    return JSONResponse({**filled, "total": str(money.round_up(cart.total(filled)))})


def show_thumbnail(request: Request) -> Response:
    """``?photo=NUMBER&width=PIXELS``, as a PPM, which is a header and the pixels."""
    photo = _store(request).photos[int(request.query_params["photo"])]
    small = images.thumbnail(photo, int(request.query_params["width"]))
    header = f"P6 {small.shape[1]} {small.shape[0]} 255\n"
    return Response(header.encode() + small.tobytes(), media_type="image/x-portable-pixmap")


def show_report(request: Request) -> Response:
    """``?year=YEAR``"""
    year = request.query_params["year"]
    return HTMLResponse(reports.monthly([order for order in _store(request).orders if order["date"].startswith(year)]))


def _store(request: Request) -> Store:
    return cast(Store, request.app.state.store)
