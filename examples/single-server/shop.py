"""The app that the unit and the container beside it run."""

import time

from ebbtide import App, Queue

app = App("shop", queues=[Queue("slow", timeout=600)])


@app.task
def receipt(order: int) -> str:
    return f"receipt for order {order}"


@app.task(queue="slow")
def inventory(seconds: float) -> str:
    time.sleep(seconds)
    return "counted"
