// One page of the list of stores, kept up to date from where it was listed.
import { signal } from "@preact/signals";
import { Code } from "@connectrpc/connect";
import { stores, UNARY } from "../api";
import { learnTime, ms } from "../clock";
import { Store_State, StoreView, type GetSummaryResponse, type Store, type WatchStatusResponse } from "../contract";
import { follow, type Follower } from "../live";
import { refusalOf, type Refusal } from "../refusal";
import { go } from "../route";
import { noteRefusal } from "../session";
import { token } from "../token";
import { announce } from "../ui/announce";
import { lookOf } from "../words";
import { compare, filterOf, finds, orderBy, PAGE_SIZE, pathOf, type FleetQuery } from "./query";

/** Changes that come within this time are drawn together. */
const DRAW = 150;
/** The counts are read again this long after a change at the earliest. */
const COUNT = 1_500;
const RETRY = 3_000;
/** A list that fits on one page grows by what is created, up to this. */
const GROWN = 2 * PAGE_SIZE;

export interface Row {
  store: Store;
  /** It does not belong to the list any more. */
  left?: boolean;
}

export class Fleet {
  readonly rows = signal<Row[]>([]);
  readonly loaded = signal(false);
  /** What is shown is still that of the query before. */
  readonly reread = signal(false);
  readonly problem = signal<Refusal | undefined>(undefined);
  /** How many stores all pages have. */
  readonly total = signal(0);
  readonly next = signal("");
  /** How many stores that are not on this page would be on it, or on another one, that was not there when it was read. */
  readonly elsewhere = signal(0);
  readonly follower = signal<Follower | undefined>(undefined);
  readonly summary = signal<GetSummaryResponse | undefined>(undefined);

  private readonly others = new Set<string>();
  private pending = new Map<string, Store | "left">();
  private drawing: ReturnType<typeof setTimeout> | undefined;
  private counting: ReturnType<typeof setTimeout> | undefined;
  private retrying: ReturnType<typeof setTimeout> | undefined;
  private revision = 0n;
  /** When the page was read, by the server's clock. */
  private listed = 0;
  private reading = 0;
  private readonly forget: () => void;

  constructor(
    private readonly query: FleetQuery,
    before?: Fleet,
  ) {
    if (before?.loaded.peek()) {
      this.rows.value = before.rows.peek();
      this.total.value = before.total.peek();
      this.summary.value = before.summary.peek();
      this.loaded.value = this.reread.value = true;
    }
    let first = true;
    this.forget = token.subscribe(() => {
      if (!first && token.peek()) void this.load();
      first = false;
    });
    void this.load();
  }

  stop(): void {
    this.reading = -1;
    this.forget();
    this.follower.peek()?.stop();
    for (const timer of [this.drawing, this.counting, this.retrying]) clearTimeout(timer);
  }

  /** Reads the page again and follows it from there. */
  load = async (): Promise<void> => {
    if (this.reading < 0) return;
    const turn = ++this.reading;
    clearTimeout(this.retrying);
    try {
      const { query } = this;
      const request = { filter: filterOf(query, true), pageSize: PAGE_SIZE, pageToken: query.place.after };
      const extra = { orderBy: orderBy(query.order), query: query.text, view: StoreView.BASIC };
      const page = await stores.list({ ...request, ...extra }, UNARY);
      if (turn !== this.reading) return;
      this.show(page.stores, page.nextPageToken, page.totalSize, page.revision);
      learnTime(page.freshTime);
      this.listed = ms(page.freshTime) ?? Date.now();
      this.watch(page.resumeToken);
      void this.count();
    } catch (error) {
      if (turn === this.reading) this.fail(refusalOf(error));
    }
  };

  private show(listed: Store[], next: string, total: number, revision: bigint): void {
    this.rows.value = listed.map((store) => ({ store }));
    this.next.value = next;
    this.total.value = Math.max(total, listed.length);
    this.revision = revision;
    this.others.clear();
    this.pending.clear();
    this.elsewhere.value = 0;
    this.problem.value = undefined;
    this.loaded.value = true;
    this.reread.value = false;
  }

  private fail(why: Refusal): void {
    if (why.reason === "PAGE_TOKEN_INVALID" && this.query.place.after) {
      announce("The page is not there any more. This is the first one");
      return go(pathOf(this.query, {}), true);
    }
    this.problem.value = why;
    noteRefusal(why);
    if (why.passes) this.retrying = setTimeout(this.load, RETRY);
  }

  private watch(resumeToken: string): void {
    this.follower.peek()?.stop();
    const filter = filterOf(this.query, true);
    this.follower.value = follow({ filter, resumeToken, onMessage: this.hear, onGap: () => void this.load() });
  }

  private hear = ({ event }: WatchStatusResponse): void => {
    if (event.case === "changed") this.pending.set(event.value.id, event.value);
    else if (event.case === "removed") this.pending.set(event.value.id, "left");
    else return;
    this.drawing ??= setTimeout(this.draw, DRAW);
    this.counting ??= setTimeout(() => void this.count(), COUNT);
  };

  private draw = (): void => {
    this.drawing = undefined;
    const rows = [...this.rows.value];
    for (const [id, change] of this.pending) {
      const at = rows.findIndex((row) => row.store.id === id);
      const row = rows[at];
      if (change === "left") {
        if (row) rows[at] = { ...row, left: true };
        this.others.delete(id);
      } else if (row) {
        if (change.revision > row.store.revision) rows[at] = this.changed(row, change);
      } else {
        this.note(rows, change);
      }
    }
    this.pending.clear();
    this.rows.value = rows;
    this.elsewhere.value = this.others.size;
  };

  private changed(row: Row, store: Store): Row {
    if (store.state !== row.store.state) announce(`${store.id} is ${lookOf(store.state).word}`);
    return { store, left: store.state === Store_State.DELETED };
  }

  /** A store that is not on the page. */
  private note(rows: Row[], store: Store): void {
    const { text, order, place } = this.query;
    if (store.revision <= this.revision || store.state === Store_State.DELETED || !finds(text, store)) return;
    if (place.page > 1 || this.next.value || rows.length >= GROWN) {
      // A large fleet changes all the time; what matters is what has come, or what the order brings to the top.
      const isNew = (ms(store.createTime) ?? 0) > this.listed;
      if (isNew || order.field === "update_time") this.others.add(store.id);
      return;
    }
    const at = rows.findIndex((row) => compare(order, store, row.store) < 0);
    rows.splice(at < 0 ? rows.length : at, 0, { store });
    this.total.value++;
    announce(`${store.id} is ${lookOf(store.state).word}`);
  }

  private async count(): Promise<void> {
    this.counting = undefined;
    try {
      this.summary.value = await stores.getSummary({ filter: filterOf(this.query, false) }, UNARY);
    } catch (error) {
      // Without counts the list still works: a server of the version before has none.
      if (refusalOf(error).code === Code.Unimplemented) this.summary.value = undefined;
    }
  }
}
