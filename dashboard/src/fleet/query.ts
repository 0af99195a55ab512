// What a list shows, as the address has it.
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { StoreFilterSchema } from "../contract";
import { Store_State, type Store } from "../contract";
import { FIRST, parametersOf, placeOf, type Place } from "../list/place";
import { fleetPath } from "../route";
import { stateOfSlug, stateSlug } from "../words";

export const PAGE_SIZE = 50;

export type OrderField = "id" | "create_time" | "update_time";
export interface Order {
  field: OrderField;
  descending: boolean;
}

export interface FleetQuery {
  state?: Store_State;
  tenant: string;
  /** As "KEY=VALUE". */
  label: string;
  /** A part of the id, title, URL or a label. */
  text: string;
  order: Order;
  place: Place;
}

const NEWEST: Order = { field: "create_time", descending: true };
const FIELDS: OrderField[] = ["id", "create_time", "update_time"];

export function queryOf(parameters: URLSearchParams): FleetQuery {
  const text = (name: string) => parameters.get(name) ?? "";
  const [field, direction] = text("order").split(" ");
  const known = FIELDS.find((one) => one === field);
  return {
    state: stateOfSlug(text("state")),
    tenant: text("tenant"),
    label: text("label"),
    text: text("q"),
    order: known ? { field: known, descending: direction === "desc" } : NEWEST,
    place: placeOf(parameters),
  };
}

export const orderBy = ({ field, descending }: Order): string => (descending ? `${field} desc` : field);

/** The address of a query that differs in these. Any other change than that of the page leads to the first page. */
export function pathOf(query: FleetQuery, change: Partial<FleetQuery>): string {
  const next = { ...query, place: FIRST, ...change };
  const order = orderBy(next.order);
  return fleetPath({
    state: next.state === undefined ? undefined : stateSlug(next.state),
    tenant: next.tenant,
    label: next.label,
    q: next.text,
    order: order === orderBy(NEWEST) ? undefined : order,
    ...parametersOf(next.place),
  });
}

/** The filter of the list and of its watch. `states`: whether it has the state, which the tiles count over. */
export function filterOf(query: FleetQuery, states: boolean): MessageInitShape<typeof StoreFilterSchema> {
  const at = query.label.indexOf("=");
  return {
    states: states && query.state !== undefined ? [query.state] : [],
    tenant: query.tenant,
    labels: at > 0 ? { [query.label.slice(0, at)]: query.label.slice(at + 1) } : {},
  };
}

/** Whether a store that the watch shows is one that the list would find by its text. */
export function finds(text: string, store: Store): boolean {
  const wanted = text.toLowerCase();
  const labels = Object.entries(store.labels).map(([key, value]) => `${key}=${value}`);
  return [store.id, store.spec?.shop?.title ?? "", store.url, ...labels].some((one) =>
    one.toLowerCase().includes(wanted),
  );
}

/** Which of two stores comes first. */
export function compare({ field, descending }: Order, a: Store, b: Store): number {
  const time = (store: Store) => (field === "create_time" ? store.createTime : store.updateTime);
  const seconds = Number((time(a)?.seconds ?? 0n) - (time(b)?.seconds ?? 0n));
  const by = field === "id" ? 0 : seconds || (time(a)?.nanos ?? 0) - (time(b)?.nanos ?? 0);
  const up = by || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  return descending ? -up : up;
}
