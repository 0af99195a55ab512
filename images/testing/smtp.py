"""A mail server on loopback that keeps what it is given: enough of SMTP for one sender, with a login and without encryption."""

import base64
import socketserver
import threading


class Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def line(self):
        return self.rfile.readline().decode(errors="replace").rstrip("\r\n")

    def handle(self):
        mail = {"login": None, "to": []}
        self.say("220 sink ESMTP")
        while line := self.line():
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO":
                    self.wfile.write(b"250-sink\r\n250 AUTH LOGIN\r\n")
                case "AUTH":
                    mail["login"] = self.login()
                case "MAIL":
                    mail["from"] = rest
                    self.say("250 ok")
                case "RCPT" if self.server.refuse:
                    self.say(f"550 5.7.1 {rest} is not wanted here")
                case "RCPT":
                    mail["to"].append(rest)
                    self.say("250 ok")
                case "DATA":
                    mail["text"] = self.data()
                    self.server.mails.append(mail)
                    mail = {"login": mail["login"], "to": []}
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 ok")

    def login(self):
        said = []
        for prompt in ("Username:", "Password:"):
            self.say("334 " + base64.b64encode(prompt.encode()).decode())
            said.append(base64.b64decode(self.line()).decode())
        self.say("235 ok")
        return said

    def data(self):
        self.say("354 go on")
        lines = []
        while (line := self.line()) != ".":
            lines.append(line)
        self.say("250 kept")
        return "\n".join(lines)


class Sink(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self, refuse=False):
        super().__init__(("127.0.0.1", 0), Session)
        self.mails, self.refuse, self.port = [], refuse, self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
