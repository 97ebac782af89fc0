"""fake_ncm.py SETTINGS: a fake Network Config Manager, which answers RequestGoalStates as its settings (JSON) say.

listen, agent   addresses
schema          directory of Alcor's messages as Python classes
log             file to which a line is added per request: the destinations that were asked for
behavior        push_first   pushes, waits for the agent's reply, then answers (what Alcor's manager means to do)
                reply_first  answers SUCCESS, then pushes
                never_push   answers SUCCESS and does nothing (what Alcor's manager does for unknown neighbors)
                cancel       opens a stream to the agent, cancels it, answers SUCCESS
                refuse       answers FAILURE
                hang         never answers a call that asks for one of "hangs"; pushes first otherwise
delay           seconds before it does anything
tls             files in PEM: certificate, key, and clients (authorities: mutual TLS); empty: plaintext
hangs           addresses
neighbors       {"10.1.0.12": {"subnet": ..., "mac": ..., "host": ...}, ...}; others are refused
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

SETTINGS: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
SETTINGS["hangs"] = set(SETTINGS["hangs"])
sys.path.insert(0, SETTINGS["schema"])
GOAL_STATE = importlib.import_module("alcor.schema.goalstate_pb2")
PROVISIONER = importlib.import_module("alcor.schema.goalstateprovisioner_pb2")
COMMON = importlib.import_module("alcor.schema.common_pb2")
OPTIONS = [("grpc.enable_http_proxy", 0)]
LOG_LOCK = threading.Lock()


def goal_state(destinations: list[str]) -> Any:
    """What is known of these addresses."""
    message = GOAL_STATE.GoalStateV2(format_version=102)
    for address in destinations:
        neighbor = SETTINGS["neighbors"].get(address)
        if neighbor is None:
            continue
        state = message.neighbor_states[f"L3/{address}"]
        state.operation_type = COMMON.CREATE
        state.configuration.id = address
        state.configuration.mac_address = neighbor["mac"]
        state.configuration.host_ip_address = neighbor["host"]
        fixed_ip = state.configuration.fixed_ips.add()
        fixed_ip.subnet_id = neighbor["subnet"]
        fixed_ip.ip_address = address
    return message


def push(channel: grpc.Channel, destinations: list[str], *, cancel: bool = False) -> None:
    """One stream, one message, as Alcor's manager does it."""
    call = channel.stream_stream(
        "/alcor.schema.GoalStateProvisioner/PushGoalStatesStream",
        request_serializer=GOAL_STATE.GoalStateV2.SerializeToString,
        response_deserializer=PROVISIONER.GoalStateOperationReply.FromString)
    if cancel:
        call(iter(())).cancel()
        return
    state = goal_state(destinations)
    if state.neighbor_states:
        for _ in call(iter([state])):
            pass


def slices_of(request: Any) -> dict[str, Any]:
    """Version and digest of each slice that the request tells of, if it does."""
    told = {each.name: [each.version, each.digest] for each in request.slices}
    return {"slices": told} if told else {}


def serve_request(channel: grpc.Channel, request: Any) -> Any:
    """Answers one HostRequest."""
    destinations = [question.destination_ip for question in request.state_requests]
    with LOG_LOCK, open(SETTINGS["log"], "a", encoding="utf-8") as log:
        log.write(json.dumps([{"type": COMMON.RequestType.Name(question.request_type),
                               "destination": question.destination_ip, "source": question.source_ip,
                               "tunnel": question.tunnel_id, **slices_of(request)}
                              for question in request.state_requests]) + "\n")
    if all(question.request_type == COMMON.AGENT_RESTARTED for question in request.state_requests):
        return PROVISIONER.HostRequestReply(format_version=100)
    time.sleep(SETTINGS.get("delay", 0))
    behavior = SETTINGS["behavior"]
    if behavior == "hang" and not SETTINGS["hangs"].isdisjoint(destinations):
        threading.Event().wait()
    if behavior in ("push_first", "hang"):
        push(channel, destinations)
    elif behavior == "reply_first":
        threading.Timer(0.1, push, (channel, destinations)).start()
    elif behavior == "cancel":
        push(channel, destinations, cancel=True)
    reply = PROVISIONER.HostRequestReply(format_version=100)
    for question in request.state_requests:
        refused = behavior == "refuse" or question.destination_ip not in SETTINGS["neighbors"]
        reply.operation_statuses.add(request_id=question.request_id,
                                     operation_status=COMMON.FAILURE if refused else COMMON.SUCCESS)
    return reply


def listen(server: grpc.Server) -> None:
    """Over TLS or in plaintext, as the settings say."""
    files = {name: Path(path).read_bytes() for name, path in SETTINGS["tls"].items()}
    if not files:
        server.add_insecure_port(SETTINGS["listen"])
        return
    server.add_secure_port(SETTINGS["listen"], grpc.ssl_server_credentials(
        [(files["key"], files["certificate"])], root_certificates=files.get("clients"),
        require_client_auth="clients" in files))


def main() -> None:
    """Serves until it is ended."""
    channel = grpc.insecure_channel(SETTINGS["agent"], options=OPTIONS)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), options=[*OPTIONS, ("grpc.so_reuseport", 0)])
    handler = grpc.unary_unary_rpc_method_handler(
        lambda request, _: serve_request(channel, request),
        request_deserializer=PROVISIONER.HostRequest.FromString,
        response_serializer=PROVISIONER.HostRequestReply.SerializeToString)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(
        "alcor.schema.GoalStateProvisioner", {"RequestGoalStates": handler}),))
    listen(server)
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


main()
