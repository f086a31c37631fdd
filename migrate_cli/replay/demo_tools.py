"""The tools of the demo's lamp shop: handlers as a suite names them, sync and async, with data of their own."""

from __future__ import annotations

import asyncio
from typing import Any

ORDERS = {
    "LS-20417": {"status": "delivered", "items": ["LAMP-READ-OAK"], "total": 79.9, "currency": "EUR"},
    "LS-20733": {"status": "replacement sent", "items": ["GLASS-GLOBE"], "total": 24.5, "currency": "EUR"},
}


async def lookup_order(order_id: str) -> dict[str, Any]:
    """Status and contents of an order; an order that is not there is an error that the model can read."""
    await asyncio.sleep(0.2)  # a shop's answer takes a moment, and shows that calls run side by side
    if order_id not in ORDERS:
        raise LookupError(f"there is no order {order_id}")
    return {"order_id": order_id, **ORDERS[order_id]}


async def track_parcel(tracking: str) -> dict[str, str]:
    """Where a parcel is."""
    await asyncio.sleep(0.3)
    return {"tracking": tracking, "state": "delivered", "depot": "North"}


def start_refund(order_id: str, amount: float, reason: str = "not given") -> dict[str, Any]:
    """Begin a refund and return its number."""
    return {"refund": f"RF-{order_id[-3:]}", "amount": amount, "reason": reason}
