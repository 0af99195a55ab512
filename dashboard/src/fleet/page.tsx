// The fleet.
import { useEffect, useMemo, useRef } from "preact/hooks";
import { cameFromWithin } from "../route";
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
      <Pager fleet={fleet} query={query} />
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

function Pager({ fleet, query }: { fleet: Fleet; query: FleetQuery }) {
  const rows = fleet.rows.value.length;
  const next = fleet.next.value;
  if (!rows) return null;
  const first = (query.page - 1) * PAGE_SIZE + 1;
  const total = Math.max(fleet.total.value, first + rows - 1);
  const following = pathOf(query, { page: query.page + 1, after: next });
  return (
    <nav class="pager" aria-label="Pages">
      <span>
        {first.toLocaleString()}–{(first + rows - 1).toLocaleString()} of {total.toLocaleString()}
      </span>
      {query.page > 1 && <Link href={pathOf(query, {})}>First page</Link>}
      {query.page > 1 && cameFromWithin() && (
        <button type="button" onClick={() => history.back()}>
          <Icon name="back" />
          Previous
        </button>
      )}
      {next && (
        <Link href={following} class="button">
          Next
          <Icon name="forth" />
        </Link>
      )}
    </nav>
  );
}
