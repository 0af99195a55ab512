// Where the reader is: the address is the state of every view, so that it can be shared and gone back to.
import { computed, signal } from "@preact/signals";

const here = (): string => location.pathname + location.search;

export const address = signal(here());
addEventListener("popstate", () => (address.value = here()));

export type Route =
  | { page: "fleet" | "audit" | "tokens" | "tenants"; query: URLSearchParams }
  | { page: "create" | "trends" | "new-token" | "new-tenant" | "none" }
  | { page: "store" | "tenant"; id: string };

const PLAIN: Record<string, "create" | "trends" | "new-token" | "new-tenant"> = {
  "/trends": "trends",
  "/stores/new": "create",
  "/new-token": "new-token",
  "/new-tenant": "new-tenant",
};
const LISTS: Record<string, "fleet" | "audit" | "tokens" | "tenants"> = {
  "": "fleet",
  "/stores": "fleet",
  "/audit": "audit",
  "/tokens": "tokens",
  "/tenants": "tenants",
};

export const route = computed<Route>(() => {
  const url = new URL(address.value, location.origin);
  const path = url.pathname.replace(/\/+$/, "");
  const list = Object.hasOwn(LISTS, path) && LISTS[path];
  if (list) return { page: list, query: url.searchParams };
  const plain = Object.hasOwn(PLAIN, path) && PLAIN[path];
  if (plain) return { page: plain };
  const store = /^\/stores\/([a-z0-9-]{1,63})$/.exec(path)?.[1];
  if (store) return { page: "store", id: store };
  const tenant = /^\/tenants\/([a-z0-9._-]{1,63})$/.exec(path)?.[1];
  return tenant ? { page: "tenant", id: tenant } : { page: "none" };
});

/** Goes there. `replace`: the back button leaves out where the reader is now. */
export function go(to: string, replace = false): void {
  if (to === here()) return;
  if (replace) history.replaceState(history.state, "", to);
  else history.pushState({ within: true }, "", to);
  address.value = to;
}

/** Whether the page before in the history is one of ours. */
export const cameFromWithin = (): boolean => (history.state as { within?: boolean } | null)?.within === true;

export const storePath = (id: string): string => `/stores/${encodeURIComponent(id)}`;

export const tenantPath = (id: string): string => `/tenants/${encodeURIComponent(id)}`;

/** A path with these parameters; those that are empty are left out. */
export function pathWith(path: string, parameters: Record<string, string | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value) query.set(name, value);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The fleet with these parameters. */
export const fleetPath = (parameters: Record<string, string | undefined>): string => pathWith("/", parameters);
