// A real server on a real Redis, as an operator starts them. Only Kubernetes is absent: it answers for the passwords alone, and
// `stage` (tests/src/bin/stage.rs) writes what a control plane would record.
import { test as base, expect, type Page } from "@playwright/test";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { Cluster } from "./cluster";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const target = process.env["CARGO_TARGET_DIR"] ?? join(root, "target");
/** As they are shipped, where times are measured. */
const bin = join(target, process.env["DASHBOARD_MEASURED"] === "1" ? "release" : "debug");

/** While one works on it: the page of dashboard/dist, whatever the server was built with. Its headers are the server's. */
const unbuilt = process.env["DASHBOARD_UNBUILT"] === "1";
const made = (file: string) => readFile(join(root, "dashboard/dist", file), "utf8");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  await expect.poll(() => holds().catch(() => false), { message: what, timeout: 90_000, intervals: [50] }).toBe(true);
}

/** The control plane of these tests. */
export class Plane {
  readonly cluster = new Cluster();
  private folder = "";
  private redis: ChildProcess | undefined;
  private server: ChildProcess | undefined;
  private readonly ending = new AbortController();
  private redisPort = 0;
  private port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  private get redisUrl(): string {
    return `redis://127.0.0.1:${this.redisPort}`;
  }

  async start(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), "dashboard-"));
    [this.redisPort, this.port] = [await freePort(), await freePort()];
    const durable = [
      "--appendonly",
      "yes",
      "--appendfsync",
      "always",
      "--maxmemory-policy",
      "noeviction",
      "--save",
      "",
    ];
    const listen = ["--bind", "127.0.0.1", "--port", String(this.redisPort), "--dir", this.folder];
    this.redis = spawn("redis-server", [...listen, ...durable], { stdio: "ignore" });
    await until("Redis", async () =>
      (await run("redis-cli", ["-p", String(this.redisPort), "ping"])).stdout.includes("PONG"),
    );
    await this.cluster.start();
    await writeFile(join(this.folder, "kubeconfig"), this.cluster.kubeconfig());
    await this.serve();
  }

  /** Starts the server, at the address that it had. */
  async serve(...more: string[]): Promise<void> {
    const flags = [
      ...more,
      "--listen",
      `127.0.0.1:${this.port}`,
      "--admin-listen",
      "127.0.0.1:0",
      "--probe-interval",
      "0s",
    ];
    const server = spawn(join(bin, "sendstores-server"), [...flags, ...this.common(), "--cron-interval", "0s"], {
      env: { ...process.env, KUBECONFIG: join(this.folder, "kubeconfig"), TMPDIR: this.folder },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.server = server;
    const log: string[] = [];
    let admin = "";
    createInterface(server.stderr!).on("line", (line) => {
      log.push(line);
      admin ||= /"admin":"([^"]+)"/.exec(line)?.[1] ?? "";
    });
    await until("the server", async () => {
      if (server.exitCode !== null) throw new Error(log.join("\n"));
      return admin !== "" && (await fetch(`http://${admin}/readyz/redis`)).ok;
    }).catch((error: unknown) => {
      throw new Error(`the server does not serve: ${log.join("\n")}`, { cause: error });
    });
    if (!unbuilt && (await (await fetch(`${this.url}/assets/app.js`)).text()) !== (await made("app.js"))) {
      throw new Error("the server has another dashboard than dashboard/dist: cargo build --workspace --bins");
    }
  }

  private common(): string[] {
    return ["--redis-url", this.redisUrl, "--chart", join(root, "charts/woocommerce"), "--log-format", "json"];
  }

  /** A file that the server can read. */
  async file(name: string, text: string): Promise<string> {
    const path = join(this.folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    return path;
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    const { server } = this;
    if (!server || server.exitCode !== null) return;
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
  }

  async token(name: string, role: string, ...flags: string[]): Promise<string> {
    const made = await run(join(bin, "sendstores-server"), [
      ...this.common(),
      "token",
      "create",
      "--name",
      name,
      "--role",
      role,
      ...flags,
    ]);
    return made.stdout.trim();
  }

  async revoke(token: string): Promise<void> {
    const id = token.slice(4, 14);
    await run(join(bin, "sendstores-server"), [...this.common(), "token", "revoke", id]);
  }

  /** Calls the server as another caller does, by the command. */
  async cli(token: string, ...words: string[]): Promise<string> {
    const config = join(this.folder, "contexts.json");
    const env = { SENDSTORES_SERVER: this.url, SENDSTORES_TOKEN: token, SENDSTORES_CONFIG: config };
    return (await run(join(bin, "sendstores"), words, { env: { ...process.env, ...env } })).stdout;
  }

  /** Records what a control plane with a cluster would, and returns what was said about it. */
  async stage(...words: string[]): Promise<string> {
    const { signal } = this.ending;
    return (await run(join(bin, "stage"), [this.redisUrl, ...words], { signal })).stdout;
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.kill();
    await this.cluster.stop();
    if (this.redis && this.redis.exitCode === null) {
      const ended = once(this.redis, "exit");
      this.redis.kill("SIGKILL");
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

interface Shared {
  /** How many stores there are at the beginning. */
  fleet: number;
  plane: Plane;
  admin: string;
}

export const test = base.extend<{ mayViolate: boolean; others: string[]; guarded: void }, Shared>({
  fleet: [0, { scope: "worker", option: true }],
  plane: [
    async ({ fleet }, use) => {
      const plane = new Plane();
      try {
        await plane.start();
        if (fleet) await plane.stage("many", String(fleet));
        await use(plane);
      } finally {
        await plane.stop();
      }
    },
    { scope: "worker", timeout: 180_000 },
  ],
  admin: [async ({ plane }, use) => use(await plane.token("ada", "admin")), { scope: "worker" }],
  mayViolate: [false, { option: true }],
  /** The hosts beside the server that the page may ask. */
  others: async ({}, use) => use([]),
  // No page of any test may throw, be stopped by its own policy, or ask another host for anything.
  guarded: [
    async ({ page, plane, mayViolate, others }, use) => {
      if (unbuilt) {
        await page.route("**/assets/app.*", async (route) => {
          const response = await route.fetch({ headers: { "accept-encoding": "identity" } });
          const headers = { ...response.headers(), "content-length": "" };
          await route.fulfill({
            response,
            headers,
            body: await made(new URL(route.request().url()).pathname.slice(8)),
          });
        });
      }
      const wrong: string[] = [];
      page.on("pageerror", (error) => wrong.push(`thrown: ${error.message}`));
      page.on("console", (message) => {
        if (!mayViolate && /Content Security Policy|TrustedHTML/.test(message.text())) wrong.push(message.text());
      });
      page.on("request", (request) => {
        if (![plane.url, "data:", ...others].some((known) => request.url().startsWith(known)))
          wrong.push(`asked: ${request.url()}`);
      });
      await use();
      expect(wrong).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** Opens a page as a caller who has logged in before. */
export async function open(page: Page, plane: Plane, token: string, path = "/"): Promise<void> {
  await page.addInitScript((text) => {
    if (location.protocol.startsWith("http") && !sessionStorage.getItem("test.begun")) {
      sessionStorage.setItem("test.begun", "yes");
      sessionStorage.setItem("sendstores.token", text);
    }
  }, token);
  await page.goto(plane.url + path);
}

/** Waits until changes arrive. */
export async function live(page: Page): Promise<void> {
  await expect(page.locator(".live.on")).toBeVisible();
}

let last = 0;
/** An id that no other test has. */
export const newId = (): string => `store-t${process.pid}-${++last}`;
