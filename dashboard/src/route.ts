// Where the reader is: the address is the state of every view, so that it can be shared and gone back to.
import { computed, signal } from "@preact/signals";

const here = (): string => location.pathname + location.search;

export const address = signal(here());
addEventListener("popstate", () => (address.value = here()));

export type Route =
  { page: "fleet"; query: URLSearchParams } | { page: "create" } | { page: "store"; id: string } | { page: "none" };

export const route = computed<Route>(() => {
  const url = new URL(address.value, location.origin);
  const path = url.pathname.replace(/\/+$/, "");
  if (path === "" || path === "/stores") return { page: "fleet", query: url.searchParams };
  if (path === "/stores/new") return { page: "create" };
  const id = /^\/stores\/([a-z0-9-]{1,63})$/.exec(path)?.[1];
  return id ? { page: "store", id } : { page: "none" };
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

/** The fleet with these parameters; those that are empty are left out. */
export function fleetPath(parameters: Record<string, string | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value) query.set(name, value);
  const text = query.toString();
  return text ? `/?${text}` : "/";
}
