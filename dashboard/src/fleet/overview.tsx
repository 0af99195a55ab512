// The whole fleet by number: a bar of the states, a tile for each, and what happened in the last hour.
import { Fragment } from "preact";
import { ms } from "../clock";
import { Store_State, type GetSummaryResponse } from "../contract";
import { storePath } from "../route";
import { Icon } from "../ui/icon";
import { Ago, Link } from "../ui/parts";
import { LISTED, lookOf, reasonWords } from "../words";
import { pathOf, type FleetQuery } from "./query";

interface Count {
  state: Store_State;
  count: number;
}

/** So many reasons of stores without progress are named. */
const MOST_REASONS = 3;
const number = new Intl.NumberFormat();

/** Every state that has stores, and two that people look for even when they have none. */
function countsOf(summary: GetSummaryResponse, chosen: Store_State | undefined): Count[] {
  const by = new Map(summary.states.map(({ state, stores }) => [state, stores]));
  const shown = (state: Store_State) =>
    by.has(state) || state === Store_State.READY || state === Store_State.FAILED || state === chosen;
  return LISTED.filter(shown).map((state) => ({ state, count: by.get(state) ?? 0 }));
}

export function Overview({ summary, query }: { summary: GetSummaryResponse; query: FleetQuery }) {
  const counts = countsOf(summary, query.state);
  return (
    <section class="overview" aria-label="The fleet by state">
      <Bar counts={counts} total={summary.totalSize} />
      <ul class="tiles">
        <Tile
          href={pathOf(query, { state: undefined })}
          chosen={query.state === undefined}
          count={summary.totalSize}
          word="All"
        />
        {counts.map(({ state, count }) => {
          const chosen = query.state === state;
          const href = pathOf(query, { state: chosen ? undefined : state });
          return <Tile key={state} href={href} chosen={chosen} count={count} word={lookOf(state).word} state={state} />;
        })}
      </ul>
      <LastHour summary={summary} />
    </section>
  );
}

function Tile(props: { href: string; chosen: boolean; count: number; word: string; state?: Store_State }) {
  const { href, chosen, count, word, state } = props;
  const look = state === undefined ? undefined : lookOf(state);
  return (
    <li>
      <Link
        href={href}
        class={`tile ${look?.tone ?? ""}${count ? "" : " none"}`}
        aria-current={chosen ? "true" : undefined}
      >
        <span class="count">{number.format(count)}</span>
        <span class="word">
          {look && <Icon name={look.icon} />}
          {word}
        </span>
      </Link>
    </li>
  );
}

/** The tiles say the same in numbers, so that a screen reader leaves the picture out. */
function Bar({ counts, total }: { counts: Count[]; total: number }) {
  if (!total) return null;
  let at = 0;
  return (
    <svg class="fleetbar" viewBox="0 0 1000 14" preserveAspectRatio="none" aria-hidden="true">
      {counts
        .filter(({ count }) => count > 0)
        .map(({ state, count }) => {
          // What is rare must be seen beside what is usual.
          const width = Math.max(8, (count / total) * 1000);
          const x = at;
          at += width + 3;
          return <rect key={state} class={lookOf(state).tone} x={x} width={width} height="14" />;
        })}
    </svg>
  );
}

function LastHour({ summary }: { summary: GetSummaryResponse }) {
  const { lastHour, oldestNotReady: oldest, oldestNotReadySince } = summary;
  const since = ms(oldestNotReadySince);
  const stuck = summary.failureReasons.slice(0, MOST_REASONS);
  return (
    <p class="hour">
      {stuck.length > 0 && (
        <span>
          Without progress:{" "}
          {stuck.map(({ reason, stores }, at) => (
            <Fragment key={reason}>
              {at > 0 && ", "}
              <b>{number.format(stores)}</b> “{reasonWords(reason)}”
            </Fragment>
          ))}
          .
        </span>
      )}
      {lastHour && (
        <span>
          Last hour: <b>{number.format(lastHour.created)}</b> created, <b>{number.format(lastHour.becameReady)}</b>{" "}
          became ready, <b>{number.format(lastHour.deleted)}</b> deleted.
        </span>
      )}
      {oldest && since !== undefined && (
        <span>
          Longest without being ready: <Link href={storePath(oldest.id)}>{oldest.id}</Link>,{" "}
          {lookOf(oldest.state).word.toLowerCase()}, since <Ago time={since} />.
        </span>
      )}
    </p>
  );
}
