"""A client that keeps one stream of goal states open, as a Network Config Manager does, and times every reply."""

from __future__ import annotations

import ctypes
import importlib
import os
import queue
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from lab.programs import SOURCE
from lab.shell import LabError, run

_CLONE_NEWNET = 0x40000000
_FAILED = (1, 2)  # OperationStatus FAILURE, INVALID_ARG


def load_schema(directory: Path) -> Any:
    """Alcor's messages as Python classes, made by protoc in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    files = sorted((SOURCE / "proto/alcor/schema").glob("*.proto"))
    run(["protoc", f"-I{SOURCE / 'proto'}", f"--python_out={directory}", *files])
    sys.path.insert(0, str(directory))
    try:
        return importlib.import_module("alcor.schema.goalstate_pb2"), importlib.import_module(
            "alcor.schema.goalstateprovisioner_pb2")
    except ImportError as error:
        raise LabError(f"{error}; install python3-protobuf") from error


def enter_network(name: str) -> None:
    """Moves this process into a network namespace, before it makes threads: there the agent listens."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{name}", "rb") as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
            raise LabError(f"can't enter the namespace {name}: {os.strerror(ctypes.get_errno())}")


class GoalClient:
    """Pushes messages one after the other; each is replied to before the next."""

    def __init__(self, address: str, scratch: Path) -> None:
        try:
            self._grpc = importlib.import_module("grpc")
        except ImportError as error:
            raise LabError(f"{error}; install python3-grpcio") from error
        self.goal_state, provisioner = load_schema(scratch / "schema")
        self._channel = self._grpc.insecure_channel(address, options=[
            ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
            ("grpc.enable_http_proxy", 0)])
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        call = self._channel.stream_stream(
            "/alcor.schema.GoalStateProvisioner/PushGoalStatesStream",
            request_serializer=lambda message: message,
            response_deserializer=provisioner.GoalStateOperationReply.FromString)
        self._replies = call(iter(self._next_request, None))

    def _next_request(self) -> bytes | None:
        return self._requests.get()

    def __enter__(self) -> GoalClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self._requests.put(None)
        self._channel.close()

    def message(self, **states: Any) -> bytes:
        """A GoalStateV2 from maps as in its JSON, such as neighbor_states={"a": {...}}."""
        json_format = importlib.import_module("google.protobuf.json_format")
        return json_format.ParseDict(states, self.goal_state.GoalStateV2()).SerializeToString()

    def push(self, message: bytes) -> float:
        """Sends a message, waits for the reply, returns the seconds between. Raises LabError if a resource failed."""
        before = time.perf_counter()
        self._requests.put(message)
        try:
            reply = next(self._replies)
        except (StopIteration, self._grpc.RpcError) as error:
            raise LabError(f"the agent ended the stream: {error}") from error
        elapsed = time.perf_counter() - before
        failed = [status.resource_id for status in reply.operation_statuses if status.operation_status in _FAILED]
        if failed:
            raise LabError(f"the agent refused {', '.join(failed[:5])}")
        return elapsed
