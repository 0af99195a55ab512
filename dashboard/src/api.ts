// The way to the server: gRPC-Web to where the page came from, with the caller's token.
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AccountService, AuditService, StoreService, TenantService, TokenService } from "./contract";
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
export const audit = createClient(AuditService, transport);
export const tokens = createClient(TokenService, transport);
export const tenants = createClient(TenantService, transport);
