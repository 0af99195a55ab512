// What the pictures are drawn from: the newest stores in full, and those whose last probe failed.
import { signal } from "@preact/signals";
import { stores, UNARY } from "../api";
import { learnTime, ms, now } from "../clock";
import { Step_State, Store_State, StoreView, type Store } from "../contract";
import { refusalOf, type Refusal } from "../refusal";
import { noteRefusal } from "../session";

/** Stores of one picture. */
export const MOST = 40;
const AGAIN = 30_000;

export interface Part {
  step: string;
  /** In milliseconds. */
  took: number;
}

/** How a store came to its first READY, or how far it is. */
export interface Creation {
  store: Store;
  begun: number;
  whole: number;
  ready: boolean;
  /** Empty if the store was repaired since, which leaves other times at its steps. */
  parts: Part[];
}

export function creationOf(store: Store, at: number): Creation | undefined {
  const begun = ms(store.createTime);
  if (begun === undefined) return undefined;
  const end = ms(store.readyTime);
  const parts = store.steps.flatMap(({ name, state, startTime, endTime }): Part[] => {
    const start = ms(startTime);
    if (start === undefined || state === Step_State.PENDING) return [];
    return [{ step: name, took: Math.max(0, (ms(endTime) ?? at) - start) }];
  });
  const last = Math.max(...store.steps.map((step) => ms(step.endTime) ?? at));
  // A store is READY at once when its last step has ended.
  const repaired = end !== undefined && last > end + 1_000;
  return { store, begun, whole: (end ?? at) - begun, ready: end !== undefined, parts: repaired ? [] : parts };
}

export class Trends {
  readonly newest = signal<Store[]>([]);
  readonly failing = signal<Store[]>([]);
  /** When they were read. */
  readonly read = signal<number | undefined>(undefined);
  readonly problem = signal<Refusal | undefined>(undefined);
  private stopped = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    void this.load();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  load = async (): Promise<void> => {
    clearTimeout(this.timer);
    if (document.visibilityState === "visible") await this.ask();
    if (!this.stopped) this.timer = setTimeout(() => void this.load(), AGAIN);
  };

  private async ask(): Promise<void> {
    const page = (states: Store_State[], orderBy: string) =>
      stores.list({ filter: { states }, pageSize: MOST, orderBy, view: StoreView.FULL }, UNARY);
    try {
      const [newest, failing] = await Promise.all([
        page([], "create_time desc"),
        page([Store_State.DEGRADED], "update_time desc"),
      ]);
      learnTime(newest.freshTime);
      this.newest.value = newest.stores;
      this.failing.value = failing.stores;
      this.read.value = ms(newest.freshTime) ?? now.peek();
      this.problem.value = undefined;
    } catch (error) {
      const why = refusalOf(error);
      this.problem.value = why;
      noteRefusal(why);
    }
  }
}
