"""A controller on a broker in memory, and its work done to the end in this thread."""

from tests.fakes import run_ready

from ebbtide.app import App
from ebbtide.broker import DeadLetter, DeadLetters
from ebbtide.contrib.async_lambda import AsyncLambdaController
from ebbtide.outcome import Outcome


def at_home(controller: AsyncLambdaController) -> App:
    """Its app, with queues in memory."""
    app = controller.app()
    app.use("memory://")
    return app


def work(controller: AsyncLambdaController) -> list[Outcome]:
    """Run all that is ready, and what comes of it."""
    return run_ready(controller.app())


def dead(controller: AsyncLambdaController) -> list[DeadLetter]:
    """The dead letters."""
    broker = controller.app().broker
    assert isinstance(broker, DeadLetters)
    return broker.dead()
