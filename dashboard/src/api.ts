// The way to the server: gRPC-Web to where the page came from, with the caller's token.
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AccountService, StoreService } from "./contract";
import { token } from "./token";

/** A unary call. The server answers within 10 s or says why not. */
export const UNARY = { timeoutMs: 12_000 };

const authorize: Interceptor = (next) => (request) => {
  if (token.value) request.header.set("authorization", `Bearer ${token.value}`);
  return next(request);
};

const transport = createGrpcWebTransport({ baseUrl: location.origin, interceptors: [authorize] });

export const stores = createClient(StoreService, transport);
export const account = createClient(AccountService, transport);

/** An id for a request, so that a repetition has no second effect. Not `randomUUID`: a page without TLS does not have it. */
export function requestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return "web-" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
