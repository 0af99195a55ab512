// How many stores were in each state, over the time that this tab is open.
import { timeOfDay } from "../clock";
import type { Store_State } from "../contract";
import { Card, Outside } from "../ui/parts";
import { LISTED, lookOf } from "../words";
import type { Sample } from "./sampled";

const WIDTH = 1000;
const HEIGHT = 180;
const METRICS = "https://github.com/sendstores/sendstores/blob/main/docs/operations.md";

const number = new Intl.NumberFormat();

interface Band {
  state: Store_State;
  path: string;
}

/** Bands on top of each other, in the order of the tiles from the top. A count holds until the next one is known. */
function bandsOf(samples: Sample[], states: Store_State[], end: number): Band[] {
  const begin = samples[0]?.time ?? end;
  const span = Math.max(1, end - begin);
  const x = (time: number) => ((time - begin) / span) * WIDTH;
  const most = Math.max(1, ...samples.map(totalOf));
  const y = (count: number) => HEIGHT - (count / most) * HEIGHT;
  const below = samples.map(() => 0);
  return [...states].reverse().map((state) => {
    const [up, down]: [string[], string[]] = [[], []];
    samples.forEach(({ time, counts }, at) => {
      const [from, to] = [x(time), x(samples[at + 1]?.time ?? end)];
      const low = below[at] ?? 0;
      const high = low + (counts.get(state) ?? 0);
      below[at] = high;
      up.push(`L${from.toFixed(1)} ${y(high).toFixed(1)}L${to.toFixed(1)} ${y(high).toFixed(1)}`);
      down.unshift(`L${to.toFixed(1)} ${y(low).toFixed(1)}L${from.toFixed(1)} ${y(low).toFixed(1)}`);
    });
    return { state, path: `M${[...up, ...down].join("").slice(1)}Z` };
  });
}

const totalOf = ({ counts }: Sample): number => [...counts.values()].reduce((sum, count) => sum + count, 0);

export function StatesCard({ samples, now }: { samples: Sample[]; now: number }) {
  const [first, last] = [samples[0], samples.at(-1)];
  const states = LISTED.filter((state) => samples.some(({ counts }) => counts.get(state)));
  return (
    <Card title="Stores by state, over time" id="states">
      {first && last && totalOf(last) + totalOf(first) > 0 ? (
        <>
          <svg class="states" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
            {bandsOf(samples, states, Math.max(now, last.time)).map(({ state, path }) => (
              <path key={state} class={lookOf(state).tone} d={path} />
            ))}
          </svg>
          <p class="scale ends">
            <span>{timeOfDay(first.time)}</span>
            <span>{timeOfDay(Math.max(now, last.time))}</span>
          </p>
          <Changes first={first} last={last} states={states} />
        </>
      ) : (
        <p class="fine">There are no stores yet.</p>
      )}
      <p class="fine">
        {first && `Since ${timeOfDay(first.time)}, while this tab is open and looked at. `}The server keeps no past of
        this: its metrics are for that. <Outside href={METRICS}>Metrics and the Grafana dashboard</Outside>
      </p>
    </Card>
  );
}

/** The picture in words. */
function Changes({ first, last, states }: { first: Sample; last: Sample; states: Store_State[] }) {
  return (
    <ul class="legend">
      {states.map((state) => {
        const [before, after] = [first.counts.get(state) ?? 0, last.counts.get(state) ?? 0];
        return (
          <li key={state}>
            <span class={`swatch ${lookOf(state).tone}`} aria-hidden="true" />
            {lookOf(state).word} <b>{number.format(after)}</b>
            {before !== after && <span class="fine"> from {number.format(before)}</span>}
          </li>
        );
      })}
    </ul>
  );
}
