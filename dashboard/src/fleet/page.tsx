// The fleet.
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Pager } from "../list/pager";
import { may } from "../session";
import { LiveBanner, LiveDot } from "../ui/banner";
import { Icon } from "../ui/icon";
import { Link, PageTitle, Problem } from "../ui/parts";
import { Filters } from "./filters";
import { Fleet } from "./fleet";
import { Overview } from "./overview";
import { PAGE_SIZE, pathOf, queryOf, type FleetQuery } from "./query";
import { StoreTable } from "./table";

export function FleetPage({ query: parameters }: { query: URLSearchParams }) {
  const text = parameters.toString();
  const query = useMemo(() => queryOf(new URLSearchParams(text)), [text]);
  const before = useRef<Fleet | undefined>(undefined);
  // What was shown stays until there is something newer, so that nothing flickers while the reader types.
  const fleet = useMemo(() => (before.current = new Fleet(query, before.current)), [query]);
  useEffect(() => () => fleet.stop(), [fleet]);
  const follower = fleet.follower.value;
  const summary = fleet.summary.value;
  return (
    <>
      <div class="title">
        <PageTitle title="Stores" />
        <LiveDot follower={follower} />
        {may("stores.create") && (
          <Link href="/stores/new" class="button primary">
            <Icon name="plus" />
            Create a store
          </Link>
        )}
      </div>
      <LiveBanner follower={follower} />
      {fleet.problem.value && <Problem why={fleet.problem.value} />}
      {summary && <Overview summary={summary} query={query} />}
      <Filters query={query} summary={summary} />
      <List fleet={fleet} query={query} />
    </>
  );
}

function List({ fleet, query }: { fleet: Fleet; query: FleetQuery }) {
  const rows = fleet.rows.value;
  if (!fleet.loaded.value)
    return fleet.problem.value ? null : (
      <p class="waiting" role="status">
        Reading the stores…
      </p>
    );
  const elsewhere = fleet.elsewhere.value;
  return (
    <>
      {elsewhere > 0 && (
        <button type="button" class="newer" onClick={() => void fleet.load()}>
          {elsewhereWords(elsewhere, query)} Read the page again
        </button>
      )}
      <div aria-busy={fleet.reread.value} class={fleet.reread.value ? "rereading" : undefined}>
        {rows.length ? <StoreTable rows={rows} query={query} /> : <Empty query={query} />}
      </div>
      <Pages fleet={fleet} query={query} />
    </>
  );
}

function elsewhereWords(count: number, { order }: FleetQuery): string {
  const stores = count === 1 ? "1 store" : `${count.toLocaleString()} stores`;
  return order.field === "update_time"
    ? `${stores} outside of this page changed.`
    : `${stores} more since this page was read.`;
}

function Empty({ query }: { query: FleetQuery }) {
  const narrowed = query.text || query.tenant || query.label || query.state !== undefined;
  if (narrowed) {
    return (
      <div class="empty">
        <p>No store matches.</p>
        <Link href="/">Show all stores</Link>
      </div>
    );
  }
  return (
    <div class="empty">
      <p>There are no stores yet.</p>
      {may("stores.create") && <p class="fine">A store needs nothing but a click: every setting has a default.</p>}
    </div>
  );
}

/** Which stores of all are on this page. */
function Pages({ fleet, query }: { fleet: Fleet; query: FleetQuery }) {
  const rows = fleet.rows.value.length;
  const { place } = query;
  if (!rows) return null;
  const first = (place.page - 1) * PAGE_SIZE + 1;
  const last = first + rows - 1;
  const total = Math.max(fleet.total.value, last);
  return (
    <Pager place={place} next={fleet.next.value} path={(place) => pathOf(query, { place })}>
      {first.toLocaleString()}–{last.toLocaleString()} of {total.toLocaleString()}
    </Pager>
  );
}
