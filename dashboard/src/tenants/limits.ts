// The limits of a tenant: what each is called, and how a form has it.
import type { TenantLimits } from "../contract";

type Limit = "stores" | "createsPerMinute" | "callsPerSecond" | "watches" | "provisioningAtOnce";

export const LIMITS: { name: Limit; path: string; label: string; short: string; hint: string }[] = [
  {
    name: "stores",
    path: "limits.stores",
    label: "Stores",
    short: "Stores",
    hint: "That are not deleted. Fewer than there are takes none away, and refuses new ones.",
  },
  {
    name: "createsPerMinute",
    path: "limits.creates_per_minute",
    label: "New stores per minute",
    short: "New per min",
    hint: "So many may be created at once, too.",
  },
  {
    name: "callsPerSecond",
    path: "limits.calls_per_second",
    label: "Calls per second",
    short: "Calls per s",
    hint: "Of each caller, on each replica of the server.",
  },
  {
    name: "watches",
    path: "limits.watches",
    label: "Open watches",
    short: "Watches",
    hint: "Of all its callers, on each replica.",
  },
  {
    name: "provisioningAtOnce",
    path: "limits.provisioning_at_once",
    label: "Stores made at once",
    short: "At once",
    hint: "On each replica. Further ones wait, and are not refused.",
  },
];

/** What a limit can be at all: a field of 32 bits. What the server takes, it says itself. */
const MOST = 2_147_483_647;

/** The texts of a form, by the path of the limit. */
export const textsOf = (limits: TenantLimits | undefined): Record<string, string> =>
  Object.fromEntries(LIMITS.map(({ name, path }) => [path, limits?.[name]?.toString() ?? ""]));

/** The limits that the texts say. What is no number is none of ours: the server refuses -1 and says what it must be. */
export function limitsOf(texts: Record<string, string>): Partial<Record<Limit, number>> {
  const limits: Partial<Record<Limit, number>> = {};
  for (const { name, path } of LIMITS) {
    const text = texts[path]?.trim().replaceAll(/[,\s]/g, "");
    if (text) limits[name] = /^\d+$/.test(text) && Number(text) <= MOST ? Number(text) : -1;
  }
  return limits;
}
