"""A hub on this machine: what the Hugging Face hub's client asks for when it reads or writes a repository.

    python tests/hub_server.py FOLDER

FOLDER/datasets/owner/name and FOLDER/models/owner/name hold the repositories' files; what is uploaded is written there.
The token `good` may write. Prints its address, and each request to standard error.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
API = re.compile(
    r"/api/(datasets|models)/([\w.-]+/[\w.-]+)(?:/(revision|tree|paths-info|preupload|commit)/([^/]+))?(.*)"
)
RESOLVE = re.compile(r"/(?:(datasets)/)?([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)")


class Hub(BaseHTTPRequestHandler):
    """One request; `root` is set below."""

    root: Path
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:
        print(self.command, self.path, file=sys.stderr, flush=True)

    def answer(self, status: int, content: object = b"", **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def folder(self, kind: str | None, name: str) -> Path:
        return self.root / (kind or "models") / name

    def is_writer(self) -> bool:
        return self.headers.get("Authorization") == "Bearer good"

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := RESOLVE.fullmatch(path):
            file = self.folder(match[1], match[2]) / match[4]
            if not file.is_file():
                return self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
            content = file.read_bytes()
            tag = '"' + hashlib.sha1(content).hexdigest() + '"'
            return self.answer(200, content, ETag=tag, X_Repo_Commit=COMMIT, Accept_Ranges="none")
        if path == "/api/whoami-v2":
            return self.answer(200, {"name": "me", "type": "user"}) if self.is_writer() else self.answer(401)
        if match := API.fullmatch(path):
            folder = self.folder(match[1], match[2])
            if not folder.is_dir():
                return self.answer(404, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
            if match[4] not in (None, "main", COMMIT):
                return self.answer(404, X_Error_Code="RevisionNotFound")
            if match[3] == "tree":
                return self.answer(200, self.entries(folder, match[5].strip("/")))
            siblings = [{"rfilename": str(file.relative_to(folder))} for file in self.files(folder)]
            private = (folder / ".private").exists()
            return self.answer(200, {"id": match[2], "sha": COMMIT, "siblings": siblings, "private": private})
        return self.answer(404)

    def do_POST(self) -> None:
        path, body = unquote(urlsplit(self.path).path), self.body()
        match = API.fullmatch(path)
        if match and match[3] == "paths-info":
            names = json.loads(body)["paths"]
            folder = self.folder(match[1], match[2])
            found = [self.entry(folder, folder / name) for name in names if (folder / name).exists()]
            return self.answer(200, found)
        if not self.is_writer():
            return self.answer(401, {"error": "Invalid username or password."})
        if path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if match and match[3] == "preupload":
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self.answer(200, {"files": files})
        if match and match[3] == "commit":
            return self.commit(match[1], match[2], body)
        return self.answer(404)

    def create(self, asked: dict) -> None:
        kind = "datasets" if asked.get("type") == "dataset" else "models"
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        url = f"http://{self.headers['Host']}/{'datasets/' if kind == 'datasets' else ''}{name}"
        folder = self.folder(kind, name)
        if folder.exists():
            return self.answer(409, {"error": "You already created this repo", "url": url})
        folder.mkdir(parents=True)
        if asked.get("private") or asked.get("visibility") == "private":
            (folder / ".private").touch()
        return self.answer(200, {"url": url, "id": name})

    def commit(self, kind: str, name: str, body: bytes) -> None:
        folder = self.folder(kind, name)
        for line in body.splitlines():
            operation = json.loads(line)
            if operation["key"] == "file":
                target = folder / operation["value"]["path"]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(base64.b64decode(operation["value"]["content"]))
        repository = f"datasets/{name}" if kind == "datasets" else name
        url = f"http://{self.headers['Host']}/{repository}/commit/{COMMIT}"
        self.answer(200, {"success": True, "commitOid": COMMIT, "commitUrl": url})

    def files(self, folder: Path) -> list[Path]:
        return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".private")

    def entry(self, folder: Path, path: Path) -> dict:
        kind = "directory" if path.is_dir() else "file"
        oid = hashlib.sha1(b"" if path.is_dir() else path.read_bytes()).hexdigest()
        return {"type": kind, "oid": oid, "size": path.stat().st_size, "path": str(path.relative_to(folder))}

    def entries(self, folder: Path, under: str) -> list[dict]:
        return [self.entry(folder, path) for path in sorted((folder / under).rglob("*")) if path.name != ".private"]


if __name__ == "__main__":
    Hub.root = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
