// A certified provider of OpenID Connect on a loopback port, for tests/tests/oidc_provider.rs.
//
// It takes one command a line on standard input, as JSON, and answers each with one line on standard output:
//   {"do": "grant", "resource": "urn:...", "client": "ci"}    a token by client_credentials, over HTTP as a program gets it
//   {"do": "craft", "header": {}, "claims": {}, "key": "..."}  a token that the provider's own key signs, or another one
//   {"do": "rotate", "keep": true}                            signs with another key from now on; the old one stays published, or not
//   {"do": "jwks"}                                            the keys that it publishes, read over HTTP
// It ends with its standard input.
// Before anything speaks: standard output is for answers alone.
import "data:text/javascript,console.log = console.info = console.warn = console.error";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { SignJWT, base64url, exportJWK, generateKeyPair, importJWK } from "jose";
import Provider from "oidc-provider";

const SECRET = "a-secret-of-this-test-alone";
const CLIENTS = ["ci", "nobody"];
// What a resource is called here, and the audience and the algorithm of its tokens.
const RESOURCES = {
  "urn:sendstores": { audience: "sendstores", alg: "RS256" },
  "urn:sendstores:pss": { audience: "sendstores", alg: "PS256" },
  "urn:sendstores:ec": { audience: "sendstores", alg: "ES256" },
  "urn:sendstores:ed": { audience: "sendstores", alg: "EdDSA" },
  "urn:other": { audience: "other", alg: "RS256" },
};

let generation = 0;

async function keyOf(alg, kid) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, use: "sig" };
}

// The keys of one generation, one for each kind.
async function freshKeys() {
  generation += 1;
  return Promise.all(["RS256", "ES256", "EdDSA"].map((alg) => keyOf(alg, `${alg}-${generation}`)));
}

let handler = (_request, response) => response.writeHead(503).end();
const server = createServer((request, response) => handler(request, response));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

function provide(keys) {
  const provider = new Provider(issuer, {
    clients: CLIENTS.map((client_id) => ({
      client_id,
      client_secret: SECRET,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: "client_secret_post",
    })),
    jwks: { keys },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(_context, resource) {
          const { audience, alg } = RESOURCES[resource];
          return { scope: "", audience, accessTokenFormat: "jwt", accessTokenTTL: 600, jwt: { sign: { alg } } };
        },
      },
    },
  });
  handler = provider.callback();
}

let keys = await freshKeys();
let before = keys;
const strangers = await freshKeys();
provide(keys);

async function grant({ resource, client = "ci" }) {
  const body = new URLSearchParams({ grant_type: "client_credentials", client_id: client, client_secret: SECRET, resource });
  const response = await fetch(`${issuer}/token`, { method: "POST", body });
  const said = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(said));
  return { token: said.access_token, type: said.token_type };
}

const RINGS = { own: () => keys, before: () => before, stranger: () => strangers };

async function craft({ header, claims, key = "own" }) {
  const message = [header, claims].map((part) => base64url.encode(JSON.stringify(part))).join(".");
  if (header.alg === "none") return { token: `${message}.` };
  const jwk = RINGS[key]().find((one) => (header.alg.startsWith("ES") ? one.kty === "EC" : one.kty === "RSA"));
  if (header.alg.startsWith("HS")) {
    // The confusion: what everybody knows of an RSA key, taken for a secret.
    const { kty, n, e } = jwk;
    const secret = header.secret === "n" ? base64url.decode(n) : JSON.stringify({ kty, n, e });
    return { token: `${message}.${createHmac("sha256", secret).update(message).digest("base64url")}` };
  }
  const signing = new SignJWT(claims).setProtectedHeader(header);
  const crit = Object.fromEntries((header.crit ?? []).map((name) => [name, true]));
  return { token: await signing.sign(await importJWK(jwk, header.alg), { crit }) };
}

async function rotate({ keep }) {
  before = keys;
  keys = await freshKeys();
  provide(keep ? [...keys, ...before] : keys);
  return { kids: keys.map((key) => key.kid) };
}

const jwks = async () => (await fetch(`${issuer}/jwks`)).json();

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
say({ issuer });
for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, ...rest } = JSON.parse(line);
  const commands = { grant, craft, rotate, jwks };
  say(await commands[what](rest).catch((error) => ({ error: String(error) })));
}
server.close();
server.closeAllConnections();
