"""A service that publishes descriptions as the public one does, on loopback; and hostile ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PATH = "/miot-spec-v2"
MODEL = "example.light.demo2"
URN = "urn:miot-spec-v2:device:light:0000A001:example-demo2:2"


def published(model: str = MODEL, urn: str = URN) -> dict[str, Any]:
    """An instance such as the service publishes: it names no model, and has no default values."""
    kinds = "urn:miot-spec-v2:{}:{}:{}:example-demo2:1"
    on = {
        "iid": 1,
        "type": kinds.format("property", "on", "00000006"),
        "description": "Switch",
        "format": "bool",
    }
    level = {
        "iid": 2,
        "type": kinds.format("property", "brightness", "0000000D"),
        "description": "Brightness",
        "format": "uint8",
        "unit": "percentage",
        "value-range": [1, 100, 1],
    }
    access = {"access": ["read", "write", "notify"]}
    light = {
        "iid": 2,
        "type": kinds.format("service", "light", "00007802"),
        "description": "Light",
        "properties": [on | access, level | access],
        "actions": [
            {
                "iid": 1,
                "type": kinds.format("action", "toggle", "00002811"),
                "description": "Toggle",
                "in": [],
                "out": [],
            }
        ],
    }
    return {"type": urn, "description": "Light", "services": [light]}


def listed(*entries: tuple[str, str, int, str]) -> dict[str, Any]:
    """A list of instances, of (model, URN, version, status)."""
    keys = ("model", "type", "version", "status")
    return {"instances": [dict(zip(keys, each, strict=True)) | {"ts": 1} for each in entries]}


ENTRIES = (
    (MODEL, URN.replace(":2", ":1"), 1, "released"),
    (MODEL, URN, 2, "released"),
    (MODEL, URN.replace(":2", ":3"), 3, "debug"),
    ("example.light.draft1", "urn:miot-spec-v2:device:light:0000A001:example-draft1:1", 1, "debug"),
)

Answer = Callable[[BaseHTTPRequestHandler], None]


def document(value: object, **headers: str) -> Answer:
    """Answer with JSON, or with these bytes."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, text in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


class Service:
    """What is published, and what was asked for."""

    def __init__(self, answers: Mapping[str, Answer] | None = None) -> None:
        self.asked: list[str] = []
        self.base = ""
        self.entries: tuple[tuple[str, str, int, str], ...] = ENTRIES
        self.instances = {URN: published()}
        #: Answers by path, in the place of what is published.
        self.answers = dict(answers or {})

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        self.asked.append(handler.path)
        if url.path in self.answers:
            self.answers[url.path](handler)
        elif url.path == f"{PATH}/instances":
            document(listed(*self.entries))(handler)
        elif url.path == f"{PATH}/instance" and (urn := parse_qs(url.query)["type"][0]) in self.instances:
            document(self.instances[urn])(handler)
        else:
            handler.send_error(404)


@contextmanager
def serving(service: Service | None = None) -> Iterator[Service]:
    service = service or Service()
    running = service

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(OSError):  # the client may have left
                running.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        service.base = f"http://127.0.0.1:{server.server_address[1]}{PATH}"
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
