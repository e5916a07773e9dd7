"""The controller: what an async-lambda app declares its tasks on, and by which its tasks invoke one another.

It collects declarations, its own and its sub-controllers'; `translation.py` makes a core app of them at their first
use. All that runs, waits, retries and is deployed is that app's.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import RLock
from typing import Any, NamedTuple, TypeVar

from ebbtide.app import App
from ebbtide.contrib.async_lambda import current, translation
from ebbtide.contrib.async_lambda.app import DoorApp
from ebbtide.contrib.async_lambda.declared import MOST_LANES, Declared, fits_lanes
from ebbtide.contrib.async_lambda.declaring import Declarations, twice
from ebbtide.contrib.async_lambda.events import BaseEvent
from ebbtide.contrib.async_lambda.invoking import Invoker
from ebbtide.contrib.async_lambda.middleware import Layer, Middleware, checked
from ebbtide.contrib.async_lambda.payload import encode
from ebbtide.contrib.async_lambda.writing import uuid4
from ebbtide.errors import DeclarationError, UnknownTask
from ebbtide.names import nearest

E = TypeVar("E", bound=BaseEvent)
R = TypeVar("R")


DEPLOYED = "EBBTIDE_STAGE"
"""The variable that is there in every function of ours."""

TASK_ID = "ASYNC_LAMBDA_TASK_ID"
"""The variable that tells a function's task."""


class Owned(NamedTuple):
    """A declaration and the controllers above it, the root first."""

    declared: Declared
    owners: tuple[AsyncLambdaController, ...]


class AsyncLambdaController(Declarations):
    """Tasks, and how they are invoked.

    is_sub: this one is given to another one's `add_controller`. lane_count, propagate_lane_assignment,
    propagate_message_group_id: for all tasks below, unless said nearer. middleware: pairs of event types and a
    function, see `add_middleware`. delete_s3_payloads: remove a large payload when its task has succeeded; without it
    the bucket's lifecycle does. controller_name: for whoever reads the code.
    """

    def __init__(
        self,
        is_sub: bool = False,
        lane_count: int | None = None,
        propagate_lane_assignment: bool | None = None,
        propagate_message_group_id: bool | None = None,
        middleware: Sequence[Layer] | None = None,
        delete_s3_payloads: bool = False,
        controller_name: str | None = None,
    ) -> None:
        super().__init__()
        if not fits_lanes(lane_count):
            raise DeclarationError(f"AsyncLambdaController(lane_count={lane_count!r:.80}): 1 to {MOST_LANES}")
        self.is_sub = is_sub
        self.lane_count = lane_count
        self.propagate_lane_assignment = propagate_lane_assignment
        self.propagate_message_group_id = propagate_message_group_id
        self.delete_s3_payloads = delete_s3_payloads
        self.controller_name = controller_name
        self.dlq_task_id: str | None = None
        self.parent_controller: AsyncLambdaController | None = None
        self.layers: list[Layer] = [checked(layer) for layer in middleware or ()]
        self.external_task_ids: list[str] = []
        self._subs: list[AsyncLambdaController] = []
        self._app: DoorApp | None = None
        self._translating = RLock()
        self._function: Callable[[Any, Any], Any] | None = None

    def __repr__(self) -> str:
        return f"<AsyncLambdaController: {len(list(self.owned()))} tasks>"

    @property
    def __ebbtide_app__(self) -> Callable[[], App] | None:
        """What makes the app that a command's TARGET means; None for a sub-controller, which is none by itself."""
        return None if self.is_sub or self.parent_controller else self.app

    def app(self) -> DoorApp:
        """The core app of the whole tree of controllers. Raises DeclarationError."""
        root = self._root
        with root._translating:
            if root._app is None:
                root._app = translation.app_of(root)
            return root._app

    # What is declared

    def _declare(self, declared: Declared) -> None:
        self._free(declared.task_id)
        self._own[declared.task_id] = declared
        self._changed()

    def add_controller(self, controller: AsyncLambdaController) -> None:
        """Take in another controller with all its tasks, those it is yet to declare included."""
        if not isinstance(controller, AsyncLambdaController):
            raise DeclarationError(f"add_controller({controller!r:.80}): an AsyncLambdaController is added")
        if controller is self or any(controller is above for above in self._chain()):
            raise DeclarationError("add_controller(): a controller cannot be part of itself")
        if controller.parent_controller not in (None, self):
            raise DeclarationError("add_controller(): this controller is part of another one already")
        if controller in self._subs:
            return
        for owned in controller.owned():
            self._free(owned.declared.task_id)
        controller.parent_controller = self
        self._subs.append(controller)
        self._changed()

    def add_external_task(self, external_task_id: str) -> None:
        """Let `async_invoke` send to a task of another app in this account and region: "{otherapp}-{taskid}"."""
        app, _, task_id = str(external_task_id).rpartition("-")
        if not app or not task_id.isalnum():
            raise DeclarationError(f"add_external_task({external_task_id!r}): the other app's name, a hyphen, its task")
        if external_task_id not in self.external_task_ids:
            self.external_task_ids.append(external_task_id)
            self._changed()

    def add_middleware(self, event_types: Sequence[type[E]], func: Middleware[E, R]) -> None:
        """Have `func(event, call_next)` around every task below whose event is one of these types.

        A parent's goes before its sub-controllers', and the first added before the later ones.
        """
        self.layers.append(checked((event_types, func)))
        self._changed()

    def set_dlq_task_id(self, task_id: str) -> None:
        """Have this task called with the dead letters of all tasks below that name none themselves."""
        declared = self.get_task(task_id)
        if declared is None or not declared.queued:
            known = [owned.declared.task_id for owned in self._root.owned() if owned.declared.queued]
            raise DeclarationError(f"set_dlq_task_id({task_id!r}): no async task of that id.{nearest(task_id, known)}")
        self.dlq_task_id = task_id
        self._changed()

    @property
    def tasks(self) -> dict[str, Declared]:
        """What was declared here and below, by id."""
        return {owned.declared.task_id: owned.declared for owned in self.owned()}

    def get_task(self, task_id: str) -> Declared | None:
        """What was declared under this id, anywhere in the app."""
        return next((owned.declared for owned in self._root.owned() if owned.declared.task_id == task_id), None)

    def get_dlq_task(self) -> Declared | None:
        """The task that takes the dead letters here, as said here or above."""
        said = next((owner.dlq_task_id for owner in self._chain() if owner.dlq_task_id), None)
        return self.get_task(said) if said else None

    def owned(self) -> Iterator[Owned]:
        """All declarations of the tree, each with its owners from this one down."""
        for declared in self._own.values():
            yield Owned(declared, (self,))
        for sub in self._subs:
            for declared, owners in sub.owned():
                yield Owned(declared, (self, *owners))

    def external(self) -> list[str]:
        """All external tasks of the tree, each once."""
        found = [*self.external_task_ids, *(id for sub in self._subs for id in sub.external())]
        return list(dict.fromkeys(found))

    def _free(self, task_id: str) -> None:
        if self.get_task(task_id):
            raise twice(task_id)

    def _chain(self) -> Iterator[AsyncLambdaController]:
        """This one and those above it."""
        here: AsyncLambdaController | None = self
        while here is not None:
            yield here
            here = here.parent_controller

    @property
    def _root(self) -> AsyncLambdaController:
        return list(self._chain())[-1]

    def _changed(self) -> None:
        root = self._root
        if root._app is not None:
            root._app.close()
        root._app = root._function = None

    # What invokes

    def async_invoke(
        self,
        task_id: str,
        payload: Any,
        delay: float | None = 0,
        force_sync: bool = False,
        lane: int | None = None,
        message_group_id: str | None = None,
        unique_delay_id: str | None = None,
    ) -> Any:
        """Store one call of a task; None. With force_sync, or in that mode, run it here and now: its return value.

        payload: what JSON has, and UUIDs, dates, decimals, enums, which arrive as text. delay: seconds. lane: None is
        the lane this runs in, where the task has it and lanes propagate, else 0. Raises UnknownTask, ArgumentError,
        PayloadError, StorageError.
        """
        invoker = Invoker(self.app(), task_id)
        return invoker.one(payload, delay or 0, force_sync, lane, message_group_id, unique_delay_id)

    def async_invoke_batch(
        self,
        task_id: str,
        payloads: Iterable[Any],
        delay: float | Sequence[float] = 0,
        message_group_id: str | Sequence[str | None] | None = None,
        force_sync: bool = False,
        lane: int | None = None,
    ) -> Any:
        """Store a call for each payload, as few writes as can be. delay, message_group_id: one for all or one for each.

        Raises BatchInvokeException, which says which were not stored; else as `async_invoke`.
        """
        return Invoker(self.app(), task_id).many(payloads, delay, message_group_id, force_sync, lane)

    def new_payload(self, payload: Any, destination_task_id: str, force_sync: bool = False) -> dict[str, Any]:
        """The envelope in which `async_invoke` would send this payload from here: for tests, as the body of an event.

        Raises PayloadError.
        """
        return {
            "source_task_id": current.task_id(),
            "destination_task_id": destination_task_id,
            "invocation_id": current.invocation_id() or uuid4(),
            "payload": encode(payload),
        }

    def async_lambda_handler(self, event: Any, context: Any) -> Any:
        """One invocation of a deployed function, as AWS Lambda calls it; a template of ours calls Ebbtide's own.

        Where no template of ours made the environment, as in a test of an app's own, the same as `handle_invocation`.
        """
        if DEPLOYED not in os.environ:
            return self.handle_invocation(event, context)
        root = self._root
        if root._function is None:
            # What a function needs, nobody else loads.
            root._function = importlib.import_module("ebbtide.contrib.async_lambda.function").function_of(self.app())
        return root._function(event, context)

    def handle_invocation(self, event: Any, context: Any, task_id: str | None = None) -> Any:
        """Call one task here and now with a raw event of Lambda's; its return value. For tests of an app's own.

        task_id: None is the one that the variable ASYNC_LAMBDA_TASK_ID names. Raises UnknownTask.
        """
        named = task_id or os.environ.get(TASK_ID)
        if not named:
            raise UnknownTask(f"nobody says which task: set {TASK_ID}, or give handle_invocation its task_id")
        return self.app().running(named).called(event, context)

    def get_current_lane(self) -> int:
        """The lane of what runs here and now; 0 outside of a task."""
        return current.lane()

    def get_current_message_group_id(self) -> str | None:
        """The message group of what runs here and now."""
        return current.group()

    @property
    def current_task_id(self) -> str | None:
        """The id of the task that runs here and now."""
        return current.task_id()

    @property
    def current_invocation_id(self) -> str | None:
        """The invocation id of what runs here and now."""
        return current.invocation_id()
