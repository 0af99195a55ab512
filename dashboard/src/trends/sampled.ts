// How many stores were in each state while this tab was open. The server counts them as they are now and keeps no past.
import { effect, signal } from "@preact/signals";
import { stores, UNARY } from "../api";
import { now } from "../clock";
import type { Store_State } from "../contract";
import { session, may } from "../session";

/** Between two samples. */
const PAUSE = 10_000;
/** Samples that are kept; with more, every second of the older ones is dropped and the pause is twice as long. */
const MOST = 360;

export interface Sample {
  time: number;
  counts: Map<Store_State, number>;
}

export const samples = signal<Sample[]>([]);
let pause = PAUSE;
let timer: ReturnType<typeof setTimeout> | undefined;

function keep(sample: Sample): void {
  const all = [...samples.peek(), sample];
  if (all.length <= MOST) {
    samples.value = all;
    return;
  }
  samples.value = all.filter((_, at) => at % 2 === 0);
  pause *= 2;
}

async function take(): Promise<void> {
  clearTimeout(timer);
  if (document.visibilityState === "visible" && session.peek().is === "in" && may("stores.read")) {
    try {
      const summary = await stores.getSummary({}, UNARY);
      keep({ time: now.peek(), counts: new Map(summary.states.map(({ state, stores }) => [state, stores])) });
    } catch {
      // The page says elsewhere what is wrong with the server; here it leaves a gap.
    }
  }
  timer = setTimeout(() => void take(), pause);
}

/** Takes samples while someone is logged in and looks at the tab. Those of one reader are not shown to the next. */
export function collect(): void {
  let who = "";
  effect(() => {
    const state = session.value;
    const name =
      state.is === "in" || state.is === "expired"
        ? `${state.principal.kind} ${state.principal.name} ${state.principal.id}`
        : "";
    if (name === who) return;
    who = name;
    samples.value = [];
    pause = PAUSE;
    clearTimeout(timer);
    if (name) void take();
  });
}
