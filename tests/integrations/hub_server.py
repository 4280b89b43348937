"""A small Hub on this machine: what huggingface_hub asks of the real one to push and to pull, over HTTP, with files in memory."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse

TOKEN = "hf_of_a_test"


def commit_of(files):
    """A name for the state of a repository."""
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


class Hub(ThreadingHTTPServer):
    """`repos` holds the files of each repository by name."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos: dict[str, dict[str, bytes]] = {}
        self.stored: dict[str, bytes] = {}  # large files by their sha256, until they are committed
        self.asked: list[str] = []
        self.stalled: threading.Event | None = None  # set when half of the weights were sent, and no more will come
        self.endpoint = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, content=b"", headers=()):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), "Content-Type": "application/json", **dict(headers)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET" and self.path.endswith(".safetensors") and self.server.stalled:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.server.stalled.set()
            self.rfile.read()  # until the other side is gone
        elif self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code):
        self.answer(status, {"error": code}, {"X-Error-Code": code, "X-Error-Message": code})

    @property
    def path_(self):
        return unquote(urlparse(self.path).path)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_PUT(self):
        self.server.stored[self.path_.rpartition("/")[2]] = self.body()
        self.answer(200)

    def do_POST(self):
        path, body = self.path_, self.body()
        self.server.asked.append(f"POST {path}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.refuse(401, "Unauthorized")
        elif path == "/api/repos/create":
            asked = json.loads(body)
            repo = "/".join(filter(None, (asked.get("organization"), asked["name"])))
            self.server.repos.setdefault(repo, {})
            self.answer(200, {"url": f"{self.server.endpoint}/{repo}", "id": repo})
        elif path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = json.loads(body)["files"]
            self.answer(200, {"files": [
                {"path": file["path"], "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular", "shouldIgnore": False}
                for file in files
            ]})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            self.answer(200, {"transfer": "basic", "objects": [
                {**one, "actions": {"upload": {"href": f"{self.server.endpoint}/lfs/{one['oid']}"}}} for one in objects
            ]})
        elif "/commit/" in path:
            self.commit(path.removeprefix("/api/models/").partition("/commit/")[0], body)
        else:
            self.refuse(404, "EntryNotFound")

    def commit(self, repo, body):
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                self.server.repos[repo][value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                self.server.repos[repo][value["path"]] = self.server.stored[value["oid"]]
            elif item["key"] == "deletedFile":
                del self.server.repos[repo][value["path"]]
        commit = commit_of(self.server.repos[repo])
        self.answer(200, {"commitUrl": f"{self.server.endpoint}/{repo}/commit/{commit}", "commitOid": commit})

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path_
        self.server.asked.append(f"GET {path}")
        name = path.removeprefix("/api/models/").removeprefix("/")
        repo = "/".join(name.split("/")[:2])
        files = self.server.repos.get(repo)
        if files is None:
            self.refuse(404, "RepoNotFound")
        elif "/resolve/" in name:
            content = files.get(name.partition("/resolve/")[2].partition("/")[2])
            if content is None:
                self.refuse(404, "EntryNotFound")
            else:
                etag = f'"{hashlib.sha256(content).hexdigest()}"'
                self.answer(200, content, {"ETag": etag, "X-Repo-Commit": commit_of(files), "Accept-Ranges": "none"})
        elif "/tree/" in name:
            self.answer(200, [{"type": "file", "path": file, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                              for file, content in files.items()])
        else:
            self.answer(200, {"id": repo, "sha": commit_of(files), "siblings": [
                {"rfilename": file, "size": len(content)} for file, content in files.items()]})


@contextmanager
def running():
    """A Hub while the block runs."""
    with Hub() as hub:
        threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield hub
        hub.shutdown()
