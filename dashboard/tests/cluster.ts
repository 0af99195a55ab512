// The part of the Kubernetes API that hands out a store's passwords; to everything else it is out of order.
import { createServer, type Server } from "node:http";
import { once } from "node:events";

export const PASSWORD = "S3cretCanaryS3cretCanaryS3cretCa";

export class Cluster {
  /** The UIDs of the stores whose namespaces there are, by id. */
  private readonly namespaces = new Map<string, string>();
  private server: Server | undefined;

  async start(): Promise<void> {
    this.server = createServer((request, response) => {
      const [, id, rest] = /^\/api\/v1\/namespaces\/([^/?]+)(.*)$/.exec(request.url ?? "") ?? [];
      const uid = id && this.namespaces.get(id);
      const found =
        uid && request.method === "GET" && (rest === "" ? this.namespace(id, uid) : this.secret(id, uid, rest ?? ""));
      response.writeHead(found ? 200 : 503, { "content-type": "application/json" });
      response.end(
        JSON.stringify(
          found || {
            kind: "Status",
            apiVersion: "v1",
            status: "Failure",
            code: 503,
            reason: "ServiceUnavailable",
            message: "out of order",
          },
        ),
      );
    }).listen(0, "127.0.0.1");
    await once(this.server, "listening");
  }

  async stop(): Promise<void> {
    this.server?.closeAllConnections();
    this.server?.close();
  }

  add(id: string, uid: string): void {
    this.namespaces.set(id, uid);
  }

  private marks(id: string, uid: string) {
    return {
      "app.kubernetes.io/managed-by": "sendstores",
      "sendstores.dev/store": id,
      "sendstores.dev/uid": uid,
      "sendstores.dev/instance": "sendstores",
    };
  }

  private namespace(id: string, uid: string) {
    return {
      kind: "Namespace",
      apiVersion: "v1",
      metadata: { name: id, uid, labels: this.marks(id, uid) },
      status: { phase: "Active" },
    };
  }

  private secret(id: string, uid: string, path: string) {
    if (!path.startsWith("/secrets/")) return undefined;
    const data = { "admin-password": Buffer.from(PASSWORD).toString("base64") };
    return {
      kind: "Secret",
      apiVersion: "v1",
      metadata: { name: "store-credentials", namespace: id, labels: this.marks(id, uid) },
      data,
    };
  }

  kubeconfig(): string {
    const { port } = this.server?.address() as { port: number };
    return JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [{ name: "test", cluster: { server: `http://127.0.0.1:${port}` } }],
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
      users: [{ name: "test", user: {} }],
    });
  }
}
