"""Asks a gRPC server for its health and, by reflection, for its services; prints JSON.

usage: grpc_probe.py TARGET SERVICE...

{"health": {SERVICE: number of grpc.health.v1's ServingStatus}, "services": [names]}
"""

import json
import sys

import grpc

TIMEOUT = 20
# Fields of the messages, as they are on the wire: nothing generated is needed for so few.
LIST_SERVICES = b"\x3a\x00"
STRING_1, MESSAGE_1, MESSAGE_6 = 0x0A, 0x0A, 0x32


def fields(message: bytes) -> list[tuple[int, bytes]]:
    """The length-delimited fields of a message whose fields are all so, and shorter than 16 KiB."""
    found = []
    while message:
        tag, length, message = message[0], message[1], message[2:]
        if length & 0x80:
            length, message = (length & 0x7F) | message[0] << 7, message[1:]
        found.append((tag, message[:length]))
        message = message[length:]
    return found


def main() -> None:
    """See the module."""
    with grpc.insecure_channel(sys.argv[1]) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        health = {service: check(bytes([STRING_1, len(service)]) + service.encode(), timeout=TIMEOUT)[1]
                  for service in sys.argv[2:]}
        reflect = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        reply = next(reflect(iter([LIST_SERVICES]), timeout=TIMEOUT))
    listed = [value for tag, value in fields(reply) if tag == MESSAGE_6]
    services = [name.decode() for service in listed for _, entry in fields(service) if _ == MESSAGE_1
                for tag, name in fields(entry) if tag == STRING_1]
    print(json.dumps({"health": health, "services": services}))


if __name__ == "__main__":
    main()
