"""A local W&B server for tests: it accepts runs, files and artifacts as wandb 0.31 sends them, and keeps what it received."""

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast

KEY = "0" * 40


class WandbServer(ThreadingHTTPServer):
    """Args: refused: names of queries that are answered without content."""

    daemon_threads = True

    def __init__(self, refused: tuple[str, ...] = ()):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.refused = refused
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.queries: list[tuple[str, dict[str, Any]]] = []
        """Name and variables of each GraphQL query."""
        self.streamed: dict[str, list[dict[str, Any]]] = {}
        """W&B run -> the parts of its history, summary and end, in their order."""

    def variables(self, name: str) -> list[dict[str, Any]]:
        """Return the variables of each query of a name."""
        return [variables for query, variables in self.queries if query == name]

    def history(self, run: str) -> list[dict[str, Any]]:
        """Return the rows that a run logged."""
        parts = [part.get("files", {}).get("wandb-history.jsonl") for part in self.streamed[run]]
        return [json.loads(line) for part in parts if part for line in part["content"]]

    def answer(self, name: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the data with which a GraphQL query is answered."""
        project = {"id": "project", "name": variables.get("project"), "entity": {"id": "entity", "name": "someone"}}
        bucket = {key: variables.get(key) for key in ("name", "displayName", "description", "config")}
        files = [{"name": file, "uploadUrl": f"{self.url}/storage/{file}"} for file in variables.get("files", ())]
        answers: dict[str, dict[str, Any]] = {
            "UpsertBucket": {
                "upsertBucket": {"bucket": {"id": "run", "project": project, "historyLineCount": 0, **bucket}, "inserted": True}
            },
            "CreateRunFiles": {"createRunFiles": {"runID": "run", "uploadHeaders": [], "files": files}},
            "Viewer": {"viewer": {"id": "viewer", "entity": "someone", "username": "someone", "email": "", "flags": "{}",
                                  "teams": {"edges": []}}},
            "ArtifactType": {"project": {"artifact": None}},
            # COMMITTED: the content is known already, so that no file of it is uploaded.
            "CreateArtifact": {
                "createArtifact": {"artifact": {"id": "artifact", "state": "COMMITTED", "artifactSequence": {"latestArtifact": None}}}
            },
        }  # fmt: skip
        return {} if name in self.refused else answers.get(name, {})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        answer: dict[str, Any] = {}
        server = cast(WandbServer, self.server)
        if self.path == "/graphql":
            query = json.loads(body)
            (name,) = re.findall(r"^\s*(?:query|mutation) (\w+)", query["query"])
            variables = query.get("variables") or {}
            server.queries.append((name, variables))
            answer = {"data": server.answer(name, variables)}
        elif self.path.endswith("/file_stream"):
            server.streamed.setdefault(self.path.split("/")[-2], []).append(json.loads(body))
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_PUT = do_POST

    def log_message(self, *arguments: Any) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):  # wandb ends without closing its connections
            super().handle()


@contextmanager
def wandb_server(refused: tuple[str, ...] = ()) -> Iterator[WandbServer]:
    """Serve inside the block."""
    with WandbServer(refused) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
