// One store, kept up to date.
import { signal } from "@preact/signals";
import { stores, UNARY } from "../api";
import { learnTime } from "../clock";
import { Store_State, type AvailableUpdate, type Store, type WatchStatusResponse } from "../contract";
import { follow, type Follower } from "../live";
import { refusalOf, type Refusal } from "../refusal";
import { noteRefusal } from "../session";
import { token } from "../token";
import { announce } from "../ui/announce";
import { lookOf, STEPS } from "../words";

const RETRY = 3_000;

export class OneStore {
  readonly store = signal<Store | undefined>(undefined);
  readonly problem = signal<Refusal | undefined>(undefined);
  /** To which releases it can be updated. A read has them, and a watch does not: they follow from what the server offers. */
  readonly updates = signal<AvailableUpdate[]>([]);
  /** It was shown, and is not there any more. */
  readonly gone = signal(false);
  readonly follower = signal<Follower | undefined>(undefined);
  private stopped = false;
  private retrying: ReturnType<typeof setTimeout> | undefined;
  private readonly forget: () => void;

  constructor(readonly id: string) {
    let first = true;
    this.forget = token.subscribe(() => {
      if (!first && token.peek()) void this.load();
      first = false;
    });
    void this.load();
  }

  stop(): void {
    this.stopped = true;
    this.forget();
    clearTimeout(this.retrying);
    this.follower.peek()?.stop();
  }

  load = async (): Promise<void> => {
    clearTimeout(this.retrying);
    try {
      const { store, freshTime } = await stores.get({ id: this.id }, UNARY);
      if (this.stopped) return;
      learnTime(freshTime);
      this.problem.value = undefined;
      this.gone.value = false;
      if (store) this.take(store);
      this.updates.value = store?.availableUpdates ?? [];
      this.watch();
    } catch (error) {
      if (!this.stopped) this.fail(refusalOf(error));
    }
  };

  /** Shows what a call of the reader has returned. */
  take(store: Store): void {
    const before = this.store.peek();
    if (before && before.revision >= store.revision) return;
    this.store.value = store;
    if (!before) return;
    this.say(before, store);
    if (before.release?.name !== store.release?.name) void this.readUpdates();
  }

  /** What it could be updated to before is not what it can be updated to now. Until that is known, nothing is offered. */
  private async readUpdates(): Promise<void> {
    this.updates.value = [];
    const answer = await stores.get({ id: this.id }, UNARY).catch(() => undefined);
    if (!this.stopped) this.updates.value = answer?.store?.availableUpdates ?? [];
  }

  private say(before: Store, after: Store): void {
    if (before.state !== after.state) announce(`The store is ${lookOf(after.state).word}`, true);
    const done = (store: Store) => store.steps.filter((step) => step.endTime).map((step) => step.name);
    const news = done(after).filter((name) => !done(before).includes(name));
    for (const name of news) announce(`${STEPS[name] ?? name}: done`);
    if (!before.failure && after.failure) announce(`It is stuck: ${after.failure.message}`);
  }

  private fail(why: Refusal): void {
    if (why.reason === "STORE_NOT_FOUND" && this.store.peek()) {
      this.gone.value = true;
      this.follower.peek()?.stop();
      return;
    }
    this.problem.value = why;
    noteRefusal(why);
    if (why.passes) this.retrying = setTimeout(this.load, RETRY);
  }

  private watch(): void {
    this.follower.peek()?.stop();
    const { id } = this;
    this.follower.value = follow({
      filter: { ids: [id] },
      resumeToken: "",
      onMessage: this.hear,
      onGap: () => void this.load(),
    });
  }

  private hear = ({ event }: WatchStatusResponse): void => {
    if (event.case === "snapshot" || event.case === "changed") {
      this.gone.value = false;
      this.take(event.value);
    } else if (event.case === "synced" && event.value.stores === 0n) {
      this.gone.value = this.store.peek()?.state !== Store_State.DELETED;
    }
  };
}
