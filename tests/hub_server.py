"""A hub on this machine that speaks the protocol of huggingface.co as far as the project uses it:
create, info, preupload, Git LFS, commit, branch, resolve.  It has no Xet storage.
"""

import base64
import hashlib
import http.server
import json
import re
import threading
import urllib.parse
from dataclasses import dataclass, field

WRITER, READER, INVALID = "hf_thetokenofawriter", "hf_thetokenofareader", "hf_notatokenatall"
_LARGE = (".safetensors", ".bin", ".onnx", ".tflite", ".wasm")


@dataclass
class Stored:
    content: bytes
    large: bool

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()

    @property
    def blob(self):
        stored = (f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize "
                  f"{len(self.content)}\n".encode() if self.large else self.content)
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()


@dataclass
class Repository:
    private: bool = False
    sdk: str | None = None
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, Stored]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, branch, files, message="initial commit"):
        text = f"{len(self.commits)} {message} {sorted(files)}"
        sha = hashlib.sha1(text.encode()).hexdigest()
        self.commits[sha] = files
        self.branches[branch] = sha
        self.messages.append(message)
        return sha

    def at(self, revision):
        return self.branches.get(revision, revision if revision in self.commits else None)

    def files(self, branch="main"):
        return {name: stored.content for name, stored in
                self.commits[self.branches[branch]].items()}


class Refused(Exception):
    def __init__(self, status, code="", message=""):
        self.status, self.code, self.message = status, code, message


class Hub(http.server.ThreadingHTTPServer):
    """`repositories` by (type, USER/NAME); `requests` are (method, path, token).

    `failures` maps a part of "METHOD path" to the status that such requests get.
    """

    daemon_threads = True

    def __init__(self):
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.failures: dict[str, int] = {}
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def add(self, name, files, kind="model", private=False):
        """A repository with those files, as the web page or git would make it."""
        repository = self.repositories[kind, name] = Repository(private)
        repository.commit("main", {path: Stored(content, path.endswith(_LARGE))
                                   for path, content in files.items()})
        return repository

    def written(self):
        """The requests that would change something."""
        return [f"{method} {path}" for method, path, _ in self.requests
                if method in ("POST", "PUT") and "validate-yaml" not in path]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_):
        pass

    def respond(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        self.server.requests.append((self.command, path, token))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.token = token
        try:
            for part, status in self.server.failures.items():
                if part in f"{self.command} {path}":
                    raise Refused(status)
            if token not in (WRITER, READER, None):
                raise Refused(401, message="Invalid credentials in Authorization header")
            for method, pattern, answer in ROUTES:
                if method == self.command and (match := re.fullmatch(pattern, path)):
                    return self.send(*answer(self, *match.groups()))
            raise Refused(404)
        except Refused as refused:
            headers = {"X-Error-Code": refused.code, "X-Error-Message": refused.message}
            self.send(json.dumps({"error": refused.message}).encode(), headers, refused.status)

    do_HEAD = do_GET = do_POST = do_PUT = respond

    def send(self, content, headers=(), status=200):
        self.send_response(status)
        headers = {"Content-Length": str(len(content)), "Content-Type": "application/json",
                   **{name: value for name, value in dict(headers).items() if value}}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    # --- the state --------------------------------------------------------------------------

    def repository(self, kind, name):
        found = self.server.repositories.get((kind, name))
        if found is None or found.private and self.token is None:
            raise Refused(401 if self.token is None else 404, "RepoNotFound",
                          "Invalid username or password." if self.token is None else
                          "Repository not found")
        return found

    def commit_of(self, kind, name, revision):
        repository = self.repository(kind, name)
        sha = repository.at(revision)
        if sha is None:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return repository, sha

    def writable(self):
        if self.token is None:
            raise Refused(401, message="Invalid username or password.")
        if self.token != WRITER:
            raise Refused(403, message="You don't have the rights to this. " + self.token)

    # --- the protocol -----------------------------------------------------------------------

    def root(self):
        return b"{}", {}

    def create(self):
        self.writable()
        asked = json.loads(self.body)
        key = asked.get("type") or "model", f"{asked['organization']}/{asked['name']}"
        if key in self.server.repositories:
            raise Refused(409, message="You already created this repo")
        private = asked.get("private") or asked.get("visibility") == "private"
        made = self.server.repositories[key] = Repository(bool(private), asked.get("sdk"))
        made.commit("main", {".gitattributes": Stored(b"*.safetensors filter=lfs\n", False)})
        return json.dumps({"url": f"{self.server.url}/{key[1]}"}).encode(), {}

    def info(self, kind, name, revision):
        repository, sha = self.commit_of(kind, name, revision)
        siblings = [
            {"rfilename": path, "size": len(stored.content), "blobId": stored.blob,
             **({"lfs": {"sha256": stored.sha256, "size": len(stored.content),
                         "pointerSize": 130}} if stored.large else {})}
            for path, stored in repository.commits[sha].items()]
        return json.dumps({"id": name, "sha": sha, "private": repository.private, "tags": [],
                           "downloads": 0, "siblings": siblings}).encode(), {}

    def validate(self):
        front = json.loads(self.body)["content"].split("---\n")[1]
        if "license: \n" in front:
            raise Refused(400)
        return json.dumps({"errors": [], "warnings": [{"message": "empty metadata"}]}).encode(), {}

    def preupload(self, kind, name, revision):
        self.writable()
        repository, sha = self.commit_of(kind, name, revision)
        there = repository.commits[sha]
        files = [{"path": file["path"], "shouldIgnore": False,
                  "uploadMode": "lfs" if file["path"].endswith(_LARGE) else "regular",
                  "oid": ((there[file["path"]].sha256 if there[file["path"]].large else
                           there[file["path"]].blob) if file["path"] in there else None)}
                 for file in json.loads(self.body)["files"]]
        return json.dumps({"files": files}).encode(), {}

    def batch(self, _name):
        self.writable()
        objects = [{"oid": one["oid"], "size": one["size"], **(
            {} if one["oid"] in self.server.objects else
            {"actions": {"upload": {"href": f"{self.server.url}/lfs/{one['oid']}"}}})}
            for one in json.loads(self.body)["objects"]]
        return json.dumps({"transfer": "basic", "objects": objects}).encode(), {}

    def put(self, oid):
        content = self.body
        if self.headers.get("Transfer-Encoding") == "chunked":
            content = b""
            while size := int(self.rfile.readline(), 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        if hashlib.sha256(content).hexdigest() != oid:
            raise Refused(400, message="the sha256 differs")
        self.server.objects[oid] = content
        return b"", {}

    def make_commit(self, kind, name, branch):
        self.writable()
        repository, sha = self.commit_of(kind, name, branch)
        header, *operations = [json.loads(line) for line in self.body.splitlines()]
        if header["value"].get("parentCommit") not in (None, sha):
            raise Refused(412, message="A commit has happened since. Please refresh.")
        files = dict(repository.commits[sha])
        for each in operations:
            value = each["value"]
            if each["key"] == "file":
                files[value["path"]] = Stored(base64.b64decode(value["content"]), False)
            elif each["key"] == "lfsFile":
                files[value["path"]] = Stored(self.server.objects[value["oid"]], True)
            elif each["key"] == "deletedFile":
                del files[value["path"]]
        made = repository.commit(branch, files, header["value"]["summary"])
        return json.dumps({"commitUrl": f"{self.server.url}/{name}/commit/{made}",
                           "commitOid": made}).encode(), {}

    def branch(self, kind, name, branch):
        self.writable()
        repository = self.repository(kind, name)
        repository.branches[branch] = repository.branches["main"]
        return b"{}", {}

    def resolve(self, kind, name, revision, path):
        repository, sha = self.commit_of(kind, name, revision)
        stored = repository.commits[sha].get(path)
        if stored is None:
            raise Refused(404, "EntryNotFound", "Entry not found")
        return stored.content, {
            "X-Repo-Commit": sha, "ETag": f'"{stored.sha256 if stored.large else stored.blob}"'}


def _kinds(method, pattern, answer):
    """Routes of one kind of request, for models and for Spaces."""
    return [(method, pattern.format(api=f"/api/{kind}s", prefix=prefix),
             lambda handler, *words, kind=kind: answer(handler, kind, *words))
            for kind, prefix in (("space", "/spaces"), ("model", ""))]


_NAME = r"([^/]+/[^/]+)"
ROUTES = [
    ("HEAD", "/", Handler.root),
    ("POST", "/api/repos/create", Handler.create),
    ("POST", "/api/validate-yaml", Handler.validate),
    ("POST", r"/(?:spaces/)?([^/]+/[^/]+)\.git/info/lfs/objects/batch", Handler.batch),
    ("PUT", r"/lfs/(\w+)", Handler.put),
    *_kinds("GET", "{api}/" + _NAME + "/revision/(.+)", Handler.info),
    *_kinds("POST", "{api}/" + _NAME + "/preupload/(.+)", Handler.preupload),
    *_kinds("POST", "{api}/" + _NAME + "/commit/(.+)", Handler.make_commit),
    *_kinds("POST", "{api}/" + _NAME + "/branch/(.+)", Handler.branch),
    *[route for method in ("HEAD", "GET") for route in
      _kinds(method, "{prefix}/" + _NAME + "/resolve/([^/]+)/(.+)", Handler.resolve)],
]
