// Which entries of the audit are shown, as the address has it.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { AuditEntry_Decision, type AuditFilterSchema } from "../contract";
import { FIRST, parametersOf, placeOf, type Place } from "../list/place";
import { pathWith } from "../route";
import { decisionOfSlug, decisionSlug } from "./words";

export interface AuditQuery {
  /** The caller, or the id of its token. */
  who: string;
  /** The id of the store, token or tenant. */
  about: string;
  /** The method, or its last word. */
  what: string;
  tenant: string;
  decision?: AuditEntry_Decision;
  /** Milliseconds since 1970: from this time on, and before this time. */
  from?: number;
  until?: number;
  place: Place;
}

/** A time of an address. What is no time narrows nothing. */
function timeOf(text: string | null): number | undefined {
  const time = text ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? undefined : time;
}

export function queryOf(parameters: URLSearchParams): AuditQuery {
  const text = (name: string) => parameters.get(name) ?? "";
  return {
    who: text("who"),
    about: text("about"),
    what: text("what"),
    tenant: text("tenant"),
    decision: decisionOfSlug(text("decision")),
    from: timeOf(parameters.get("from")),
    until: timeOf(parameters.get("until")),
    place: placeOf(parameters),
  };
}

/** The address of a query that differs in these. Any other change than that of the page leads to the first page. */
export function pathOf(query: AuditQuery, change: Partial<AuditQuery>): string {
  const next = { ...query, place: FIRST, ...change };
  const time = (at: number | undefined) => (at === undefined ? undefined : new Date(at).toISOString());
  return pathWith("/audit", {
    who: next.who,
    about: next.about,
    what: next.what,
    tenant: next.tenant,
    decision: next.decision === undefined ? undefined : decisionSlug(next.decision),
    from: time(next.from),
    until: time(next.until),
    ...parametersOf(next.place),
  });
}

/** The address of all entries that this selects. */
export const auditPath = (change: Partial<AuditQuery>): string => pathOf(queryOf(new URLSearchParams()), change);

export const isNarrowed = (query: AuditQuery): boolean => pathOf(query, {}) !== "/audit";

export function filterOf(query: AuditQuery): MessageInitShape<typeof AuditFilterSchema> {
  const { who, about, what, tenant, decision, from, until } = query;
  return {
    principal: who,
    resource: about,
    method: what,
    tenant,
    decision: decision ?? AuditEntry_Decision.UNSPECIFIED,
    startTime: from === undefined ? undefined : timestampFromMs(from),
    endTime: until === undefined ? undefined : timestampFromMs(until),
  };
}
