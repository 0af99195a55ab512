// Login at an issuer of OpenID Connect: the authorization code flow with PKCE, as a public client (RFC 7636).
import { Code } from "@connectrpc/connect";
import { Refusal } from "../refusal";

/** What survives the way to the issuer and back. It is of use once, and only together with the code. */
const KEY = "sendstores.login";
/** Where the issuer sends the reader back to. */
export const RETURN = "/login";

/** The client that the server has at its issuer. */
export interface Client {
  issuer: string;
  client_id: string;
  /** Separated by spaces. */
  scopes: string;
}

interface Discovery {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
}

interface Pending {
  client: Client;
  state: string;
  nonce: string;
  verifier: string;
  /** The address that the reader came from. */
  back: string;
}

const refused = (words: string): Refusal => new Refusal(Code.FailedPrecondition, "", words);

/** The client with which people can log in. Nothing: the server takes tokens alone. */
export async function findClient(): Promise<Client | undefined> {
  const response = await fetch("/assets/login.json").catch(() => undefined);
  if (!response?.ok) return undefined;
  const { oidc } = (await response.json()) as { oidc: Client | null };
  return oidc ?? undefined;
}

/** Goes to the issuer. Returns only if that is not possible: it throws why. */
export async function leave(client: Client, back: string): Promise<void> {
  const { authorization_endpoint } = await discover(client.issuer);
  const pending: Pending = { client, state: random(), nonce: random(), verifier: random(), back };
  sessionStorage.setItem(KEY, JSON.stringify(pending));
  const to = new URL(authorization_endpoint);
  const parameters = {
    response_type: "code",
    client_id: client.client_id,
    redirect_uri: location.origin + RETURN,
    scope: client.scopes,
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await challengeOf(pending.verifier),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) to.searchParams.set(name, value);
  location.assign(to);
}

/** What the reader has left with. It can be taken once. */
export function takePending(): Pending | undefined {
  const text = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  return text ? (JSON.parse(text) as Pending) : undefined;
}

/** The ID token for what the issuer has sent the reader back with. */
export async function exchange(pending: Pending, answer: URLSearchParams): Promise<string> {
  const { client, state, nonce, verifier } = pending;
  if (answer.get("state") !== state) throw refused("This answer is of another login. Log in again.");
  const [error, code] = [answer.get("error"), answer.get("code")];
  if (error) throw refused(`The issuer refuses: ${answer.get("error_description") ?? error}.`);
  if (!code) throw refused("The issuer has sent no code. Log in again.");
  const { token_endpoint } = await discover(client.issuer);
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    code,
    redirect_uri: location.origin + RETURN,
    client_id: client.client_id,
    code_verifier: verifier,
  });
  const { id_token } = await ask<{ id_token?: string }>(token_endpoint, { method: "POST", body });
  if (!id_token) throw refused("The issuer has sent no ID token. Does its client have the scope openid?");
  if (nonceOf(id_token) !== nonce) throw refused("The ID token is of another login. Log in again.");
  return id_token;
}

async function discover(issuer: string): Promise<Discovery> {
  const found = await ask<Discovery>(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  if (found.issuer !== issuer) throw refused(`What ${issuer} says of itself is of another issuer.`);
  for (const endpoint of [found.authorization_endpoint, found.token_endpoint]) {
    if (!isSafe(endpoint)) throw refused(`“${String(endpoint)}” of the issuer is no https URL.`);
  }
  return found;
}

/** Whether what is sent there is encrypted, or stays on this machine. */
function isSafe(endpoint: string): boolean {
  try {
    const { protocol, hostname } = new URL(endpoint);
    const isHere = hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
    return protocol === "https:" || (protocol === "http:" && isHere);
  } catch {
    return false;
  }
}

async function ask<T>(url: string, request: RequestInit = {}): Promise<T> {
  const asked = { ...request, credentials: "omit", cache: "no-store" } as const;
  const response = await fetch(url, asked).catch(() => undefined);
  if (!response) throw refused(`${new URL(url).host} does not answer this page. It must allow its origin (CORS).`);
  if (!response.ok) throw refused(`${new URL(url).host} refuses the login (${response.status}). Log in again.`);
  try {
    return (await response.json()) as T;
  } catch {
    throw refused(`${new URL(url).host} does not answer as an issuer does.`);
  }
}

const encoded = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const random = (): string => encoded(crypto.getRandomValues(new Uint8Array(32)));

async function challengeOf(verifier: string): Promise<string> {
  return encoded(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

/** The nonce of an ID token. Whether its signature is right is for the server to say. */
function nonceOf(token: string): unknown {
  try {
    const claims = atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"));
    return (JSON.parse(claims) as { nonce?: unknown }).nonce;
  } catch {
    return undefined;
  }
}
