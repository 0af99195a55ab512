// From "asked for" to "ready" by step: a bar for each store, in the order in which they were asked for.
import { duration, exact } from "../clock";
import { storePath } from "../route";
import { Card, Link } from "../ui/parts";
import { STEPS } from "../words";
import type { Creation } from "./model";

const HEIGHT = 220;
/** Of a bar with its gap. */
const STRIDE = 24;
/** Room for so many bars at least, so that a few are no walls. */
const ROOM = 20;
/** The steps that have a colour of their own; of a newer server, others share the last one. */
const NAMES = ["namespace", "credentials", "release", "database", "application", "bootstrap", "storefront"];

const toneOf = (step: string): string => `step-${NAMES.includes(step) ? NAMES.indexOf(step) + 1 : NAMES.length + 1}`;
const named = (step: string): string => STEPS[step] ?? step;

/** The time below which half of them are. */
function middle(times: number[]): number | undefined {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

export function CreationsCard({ creations }: { creations: Creation[] }) {
  const inOrder = [...creations].sort((a, b) => a.begun - b.begun);
  const usual = middle(inOrder.filter(({ ready }) => ready).map(({ whole }) => whole));
  const aside = usual === undefined ? undefined : <span class="fine">half of them ready within {duration(usual)}</span>;
  return (
    <Card title="From asked for to ready, by step" id="creations" aside={aside}>
      {inOrder.length ? <Bars creations={inOrder} /> : <p class="fine">There are no stores yet.</p>}
    </Card>
  );
}

function Bars({ creations }: { creations: Creation[] }) {
  // One that is stuck for days must not make all others invisible.
  const ready = creations.filter((one) => one.ready).map((one) => one.whole);
  const most = Math.max(1_000, ...(ready.length ? ready : creations.map((one) => one.whole)));
  const steps = NAMES.filter((name) => creations.some(({ parts }) => parts.some(({ step }) => step === name)));
  return (
    <>
      <p class="scale">
        <span>{duration(most)}</span>
      </p>
      <svg
        class="creations"
        viewBox={`0 0 ${Math.max(ROOM, creations.length) * STRIDE} ${HEIGHT}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        {creations.map((creation, at) => (
          <Bar key={creation.store.id} creation={creation} x={at * STRIDE + 3} most={most} />
        ))}
      </svg>
      <p class={creations.length < ROOM ? "scale" : "scale ends"}>
        <span>{exact(creations[0]?.begun ?? 0)}</span>
        <span>to {exact(creations.at(-1)?.begun ?? 0)}</span>
      </p>
      <ul class="legend">
        {steps.map((step) => (
          <li key={step}>
            <span class={`swatch ${toneOf(step)}`} aria-hidden="true" />
            {named(step)}
          </li>
        ))}
        <li>
          <span class="swatch unknown" aria-hidden="true" />
          between steps, or not known by step
        </li>
      </ul>
      <details>
        <summary>The same as a table</summary>
        <Table creations={creations} steps={steps} />
      </details>
    </>
  );
}

function Bar({ creation, x, most }: { creation: Creation; x: number; most: number }) {
  const { store, parts, whole, ready } = creation;
  const high = (time: number) => Math.min(HEIGHT, (time / most) * HEIGHT);
  let at = 0;
  return (
    <g class={ready ? undefined : "unready"}>
      <title>
        {store.id}: {duration(whole)}
      </title>
      <rect class="unknown" x={x} width={STRIDE - 6} y={HEIGHT - high(whole)} height={high(whole)} />
      {parts.map(({ step, took }) => {
        const [from, to] = [high(at), high((at += took))];
        return (
          <rect
            key={step}
            class={toneOf(step)}
            x={x}
            width={STRIDE - 6}
            y={HEIGHT - to}
            height={Math.max(0, to - from)}
          />
        );
      })}
    </g>
  );
}

function Table({ creations, steps }: { creations: Creation[]; steps: string[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Time by step">
      <table class="list small">
        <caption class="unseen">From asked for to ready, by step</caption>
        <thead>
          <tr>
            <th scope="col">Store</th>
            <th scope="col">Asked for</th>
            <th scope="col">Ready after</th>
            {steps.map((step) => (
              <th scope="col" key={step}>
                {named(step)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {[...creations].reverse().map(({ store, begun, whole, ready, parts }) => (
            <tr key={store.id}>
              <th scope="row">
                <Link href={storePath(store.id)}>{store.id}</Link>
              </th>
              <td>{exact(begun)}</td>
              <td>{ready ? duration(whole) : `not yet, ${duration(whole)} so far`}</td>
              {steps.map((step) => {
                const took = parts.find((part) => part.step === step)?.took;
                return <td key={step}>{took === undefined ? "–" : duration(took)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
