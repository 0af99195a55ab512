// What the form of a token holds, and the request that it makes.
import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { TokenServiceCreateRequestSchema, type Principal, type TokenServiceCreateRequest } from "../contract";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How long a token can be valid, with the words for it. Absent: it has no end. */
export const LIVES: [string, number | undefined][] = [
  ["1 hour", HOUR],
  ["8 hours", 8 * HOUR],
  ["1 day", DAY],
  ["7 days", 7 * DAY],
  ["30 days", 30 * DAY],
  ["90 days", 90 * DAY],
  ["366 days", 366 * DAY],
  ["without an end", undefined],
];
const USUAL = 5;

/** The roles, with what each may do. */
const ROLES: [string, string][] = [
  ["reader", "Reads stores and the audit, but no credentials."],
  ["tenant", "Everything with the stores of its tenants, and their tokens."],
  ["agent", "A program: reads the stores of its tenants, and does what it is given below."],
  ["operator", "Everything with all stores."],
  ["admin", "Everything, also tokens and tenants."],
];
const FOR_ALL_STORES = ["operator", "admin"];

export interface Draft {
  name: string;
  role: string;
  tenants: string;
  abilities: string[];
  /** Its place in LIVES. */
  life: number;
}

export const EMPTY: Draft = { name: "", role: "reader", tenants: "", abilities: [], life: USUAL };

/** Those that a caller can give: one with tenants gives none that is for all stores. */
export const rolesFor = (who: Principal): [string, string][] =>
  who.tenants.length ? ROLES.filter(([role]) => !FOR_ALL_STORES.includes(role)) : ROLES;

/** Whether a token of the role is for certain tenants: never, maybe, or always. */
export const tenantsOf = (role: string): "none" | "some" | "needed" =>
  FOR_ALL_STORES.includes(role) ? "none" : role === "reader" ? "some" : "needed";

/** The lives that a token of the role can have, with their places. */
export const livesOf = (role: string): [string, number][] =>
  LIVES.map(([words, life], at): [string, number, boolean] => [words, at, life !== undefined || role === "admin"])
    .filter(([, , allowed]) => allowed)
    .map(([words, at]) => [words, at]);

/** The permissions to which a caller can narrow a token: its own, but for that which every token has. */
export const abilitiesFor = (who: Principal): string[] => who.permissions.filter((one) => one !== "account.read");

/** The request, without its id. A caller of tenants gives them all where it names none. */
export function requestOf(draft: Draft, who: Principal): TokenServiceCreateRequest {
  const { role } = draft;
  const named = draft.tenants.split(/[\s,]+/).filter(Boolean);
  const life = livesOf(role).some(([, at]) => at === draft.life) ? LIVES[draft.life]?.[1] : LIVES[USUAL]?.[1];
  return create(TokenServiceCreateRequestSchema, {
    name: draft.name.trim(),
    role,
    tenants: tenantsOf(role) === "none" ? [] : named.length ? named : who.tenants,
    abilities: draft.abilities,
    life: life === undefined ? undefined : durationFromMs(life),
    neverExpires: life === undefined,
  });
}
