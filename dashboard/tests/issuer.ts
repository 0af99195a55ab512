// An issuer of OpenID Connect, as far as a browser's login needs one: it logs everybody in as alice, by a code that is of use once.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

interface Asked {
  challenge: string;
  nonce: string;
  redirect: string;
}

const CORS = { "access-control-allow-origin": "*", "cache-control": "no-store" };

export class Issuer {
  /** What it says when somebody wants to log in. */
  refusal = "";
  /** Whether its tokens are of another login. */
  forgetful = false;
  private readonly keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  private readonly codes = new Map<string, Asked>();
  private server: Server | undefined;

  constructor(private readonly clientId: string) {}

  get url(): string {
    const { port } = this.server?.address() as { port: number };
    return `http://127.0.0.1:${port}`;
  }

  async start(): Promise<void> {
    this.server = createServer((request, response) => void this.answer(request, response)).listen(0, "127.0.0.1");
    await once(this.server, "listening");
  }

  stop(): void {
    this.server?.closeAllConnections();
    this.server?.close();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    if (url.pathname === "/authorize") return this.authorize(url.searchParams, response);
    let text = "";
    for await (const part of request) text += String(part);
    const found = this.found(url.pathname, new URLSearchParams(text));
    response.writeHead(found ? 200 : 400, { ...CORS, "content-type": "application/json" });
    response.end(JSON.stringify(found ?? { error: "invalid_grant" }));
  }

  private found(path: string, body: URLSearchParams): object | undefined {
    if (path === "/.well-known/openid-configuration") {
      const { url } = this;
      return {
        issuer: url,
        authorization_endpoint: `${url}/authorize`,
        token_endpoint: `${url}/token`,
        jwks_uri: `${url}/keys`,
      };
    }
    if (path === "/keys") return { keys: [{ ...this.keys.publicKey.export({ format: "jwk" }), kid: "a", use: "sig" }] };
    return path === "/token" ? this.token(body) : undefined;
  }

  private authorize(asked: URLSearchParams, response: ServerResponse): void {
    const redirect = asked.get("redirect_uri") ?? "";
    const back = new URL(redirect);
    back.searchParams.set("state", asked.get("state") ?? "");
    const isWhole = asked.get("client_id") === this.clientId && asked.get("code_challenge_method") === "S256";
    if (this.refusal || !isWhole) {
      back.searchParams.set("error", this.refusal || "invalid_request");
    } else {
      const code = randomBytes(16).toString("hex");
      this.codes.set(code, {
        challenge: asked.get("code_challenge") ?? "",
        nonce: asked.get("nonce") ?? "",
        redirect,
      });
      back.searchParams.set("code", code);
    }
    response.writeHead(302, { location: back.toString() }).end();
  }

  private token(body: URLSearchParams): object | undefined {
    const code = body.get("code") ?? "";
    const asked = this.codes.get(code);
    this.codes.delete(code);
    const challenge = createHash("sha256")
      .update(body.get("code_verifier") ?? "")
      .digest("base64url");
    if (asked?.challenge !== challenge || asked.redirect !== body.get("redirect_uri")) return undefined;
    const now = Math.floor(Date.now() / 1000);
    const nonce = this.forgetful ? "another" : asked.nonce;
    const claims = { iss: this.url, aud: this.clientId, sub: "alice", iat: now, exp: now + 600, nonce };
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ alg: "RS256", kid: "a", typ: "JWT" })}.${part(claims)}`;
    const signature = sign("RSA-SHA256", Buffer.from(text), this.keys.privateKey).toString("base64url");
    return { id_token: `${text}.${signature}`, access_token: "of no use here", token_type: "Bearer" };
  }
}
