"""An S3 server for the checks of backups, and a way to it that can be made to fail."""

import os
import socket
import subprocess
import threading

from store import token, wait_for

BUCKET = "backups"


class Server:
    """versitygw on loopback; its buckets are folders."""

    def __init__(self, program, folder, port=7070):
        self.program, self.folder, self.port = program, folder, port
        self.access_key, self.secret_key = token(20), token(40)
        self.process = None

    def start(self):
        os.makedirs(os.path.join(self.folder, BUCKET), exist_ok=True)
        env = {"ROOT_ACCESS_KEY_ID": self.access_key, "ROOT_SECRET_ACCESS_KEY": self.secret_key, "PATH": os.environ["PATH"]}
        with open(self.folder + ".log", "ab") as log:
            self.process = subprocess.Popen([self.program, "--quiet", "--port", f"127.0.0.1:{self.port}", "posix", self.folder],
                                            env=env, stdout=log, stderr=log)
        wait_for("the S3 server", self.answers)

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()


class Proxy:
    """Passes connections on, until a fault is set.

    `status`: every request is answered with it. `cut`: a connection ends when that many bytes of requests have passed in all.
    `hold`: the same, but the connections stay open and silent, and `held` is set.
    """

    def __init__(self, target, port=7071):
        self.target, self.port = target, port
        self.held = threading.Event()
        self.works()
        listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def works(self):
        self.status = self.cut = self.hold = None
        self.passed = 0
        self.held.clear()

    def _accept(self, listener):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            if self.status:
                self._refuse(client, self.status)
                return
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        threading.Thread(target=self._answers, args=(server, client), daemon=True).start()
        self._requests(client, server)

    @staticmethod
    def _refuse(client, status):
        """Reads what comes, so that the client gets to the answer."""
        client.settimeout(5)
        code = {403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}[status]
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>by the test</Message></Error>"
        with client:
            client.recv(1 << 20)
            client.sendall(f"HTTP/1.1 {status} X\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
            client.shutdown(socket.SHUT_WR)
            while client.recv(1 << 20):
                pass

    def _requests(self, client, server):
        try:
            while data := client.recv(65536):
                if self.status:
                    break
                self.passed += len(data)
                if self.cut is not None and self.passed > self.cut:
                    break
                if self.hold is not None and self.passed > self.hold:
                    self.held.set()
                    continue
                server.sendall(data)
        except OSError:
            pass
        for end in (client, server):
            end.close()

    @staticmethod
    def _answers(server, client):
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        finally:
            client.close()
