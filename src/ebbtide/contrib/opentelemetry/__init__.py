"""Traces and metrics by OpenTelemetry: `instrument(app)`, and the trace goes on where the task runs.

The sender's context travels in the message's headers (`traceparent`, `tracestate`, baggage: what the process's
propagator writes). Every attempt is a span of its own and a child of the enqueue; what a task enqueues joins its trace.
Names are those of the semantic conventions for messaging. Only the API is needed here: without an SDK set up it does
nothing.
"""

from __future__ import annotations

from ebbtide.app import App
from ebbtide.errors import DeclarationError

try:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider
except ImportError as missing:
    raise ImportError(
        "ebbtide.contrib.opentelemetry needs the OpenTelemetry API: pip install 'ebbtide[opentelemetry]'"
    ) from missing

from ebbtide.contrib.opentelemetry.layers import Layers
from ebbtide.contrib.opentelemetry.meters import Meters

__all__ = ["instrument"]


def instrument(
    app: App,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    depth: bool = False,
) -> None:
    """Trace and measure all enqueues and tasks of this app, outside of its own middleware.

    tracer_provider, meter_provider: default the process's. depth: also report how many messages each queue holds, read
    from the broker at each collection; turn it on in one process, for all would report the same. Raises
    DeclarationError if the app is instrumented already.
    """
    if any(isinstance(getattr(layer, "__self__", None), Layers) for layer in app.middleware):
        raise DeclarationError(f"app {app.name!r} is instrumented already")
    layers = Layers(app, tracer_provider, Meters(app, meter_provider, depth))
    app.middleware = (layers.process, *app.middleware)
    app.send_middleware = (layers.send, *app.send_middleware)
