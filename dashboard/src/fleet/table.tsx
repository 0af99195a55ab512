// The table of stores: a real one, so that it can be searched, copied and read out.
import { Step_State, Store_State, type Store } from "../contract";
import { ms } from "../clock";
import { storePath } from "../route";
import { Icon } from "../ui/icon";
import { Ago, Link, Outside, StateBadge } from "../ui/parts";
import { reasonWords, STEPS } from "../words";
import type { Row } from "./fleet";
import { pathOf, type FleetQuery, type OrderField } from "./query";

export function StoreTable({ rows, query }: { rows: Row[]; query: FleetQuery }) {
  return (
    <table class="list stores">
      <caption class="unseen">Stores</caption>
      <thead>
        <tr>
          <Head field="id" query={query}>
            Store
          </Head>
          <th scope="col">State</th>
          <th scope="col" class="wide">
            Tenant
          </th>
          <Head field="create_time" query={query} class="mid">
            Created
          </Head>
          <Head field="update_time" query={query} class="wide">
            Changed
          </Head>
          <th scope="col" class="mid">
            Shop
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <StoreRow key={row.store.id} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function Head(props: { field: OrderField; query: FleetQuery; children: string; class?: string }) {
  const { field, query, children } = props;
  const sorted = query.order.field === field;
  const { descending } = query.order;
  // A name is first wanted from A on, a time from the latest on.
  const next = sorted ? !descending : field !== "id";
  return (
    <th scope="col" class={props.class} aria-sort={sorted ? (descending ? "descending" : "ascending") : "none"}>
      <Link href={pathOf(query, { order: { field, descending: next } })}>
        {children}
        {sorted && <Icon name={descending ? "down" : "up"} />}
      </Link>
    </th>
  );
}

function StoreRow({ row: { store, left } }: { row: Row }) {
  const deleted = store.state === Store_State.DELETED;
  return (
    <tr class={left ? "left" : undefined}>
      <th scope="row">
        <Link href={storePath(store.id)}>{store.spec?.shop?.title || store.id}</Link>
        <span class="under">
          <code>{store.id}</code>
          {left && !deleted && <span> · no longer in this list</span>}
        </span>
      </th>
      <td>
        <StateBadge state={store.state} />
        <Progress store={store} />
      </td>
      <td class="wide">{store.tenant || <span class="fine">none</span>}</td>
      <td class="mid">
        <Ago time={ms(store.createTime)} />
      </td>
      <td class="wide">
        <Ago time={ms(store.updateTime)} />
      </td>
      <td class="mid">
        {store.readyTime && !deleted && (
          <Outside href={store.url}>
            Open<span class="unseen"> {store.id}</span>
          </Outside>
        )}
      </td>
    </tr>
  );
}

/** Why it makes no progress, or what is done now. */
function Progress({ store }: { store: Store }) {
  if (store.failure) {
    return (
      <span class="under warn stuck">
        <Icon name="warning" />
        {reasonWords(store.failure.reason)}
      </span>
    );
  }
  const step = store.state !== Store_State.READY && store.steps.find((step) => step.state === Step_State.RUNNING);
  return step ? <span class="under">{STEPS[step.name] ?? step.name}</span> : null;
}
