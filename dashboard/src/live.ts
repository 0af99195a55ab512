// Follows the stores of a filter: one stream, resumed by its token, and never silently old.
import { signal, type ReadonlySignal } from "@preact/signals";
import { Code } from "@connectrpc/connect";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { stores } from "./api";
import { learnTime } from "./clock";
import type { StoreFilterSchema, WatchStatusResponse } from "./contract";
import { refusalOf, type Refusal } from "./refusal";
import { noteRefusal } from "./session";
import { token } from "./token";

/** The server sends something every 10 s. After this time without anything the stream is taken for dead. */
const SILENCE = 25_000;
/** A hidden tab gives its connection back after this time. */
const HIDDEN = 60_000;
const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 8_000;

export type LiveState =
  | { is: "starting" }
  | { is: "live" }
  /** What is shown may be old since then. */
  | { is: "lost"; since: number; why: string }
  /** The tab is hidden. */
  | { is: "paused" }
  /** The server does not let the reader watch. */
  | { is: "refused"; why: Refusal };

export interface Follower {
  state: ReadonlySignal<LiveState>;
  /** Connects at once instead of after the pause. */
  retry(): void;
  stop(): void;
}

export interface Following {
  filter: MessageInitShape<typeof StoreFilterSchema>;
  /** Empty: a snapshot first. */
  resumeToken: string;
  onMessage(message: WatchStatusResponse): void;
  /** The changes in between are not kept any more: read everything again. The follower has stopped. */
  onGap(): void;
}

class Stream implements Follower {
  readonly state = signal<LiveState>({ is: "starting" });
  private resume: string;
  private heard = Date.now();
  private failures = 0;
  private stopped = false;
  private open: AbortController | undefined;
  private wake: (() => void) | undefined;
  private hiding: ReturnType<typeof setTimeout> | undefined;
  private readonly guard = setInterval(() => {
    if (Date.now() - this.heard > SILENCE) this.open?.abort();
  }, 1000);

  constructor(private readonly following: Following) {
    this.resume = following.resumeToken;
    document.addEventListener("visibilitychange", this.onVisibility);
    addEventListener("online", this.retry);
    void this.run();
  }

  retry = (): void => {
    this.failures = 0;
    this.wake?.();
  };

  stop(): void {
    this.stopped = true;
    clearInterval(this.guard);
    clearTimeout(this.hiding);
    document.removeEventListener("visibilitychange", this.onVisibility);
    removeEventListener("online", this.retry);
    this.open?.abort();
    this.wake?.();
  }

  private onVisibility = (): void => {
    clearTimeout(this.hiding);
    if (document.visibilityState === "hidden") {
      this.hiding = setTimeout(() => {
        this.state.value = { is: "paused" };
        this.open?.abort();
      }, HIDDEN);
    } else if (this.state.value.is === "paused") {
      this.state.value = { is: "starting" };
      this.retry();
    }
  };

  private hidden(): boolean {
    return this.state.value.is === "paused";
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      if (this.hidden()) {
        await this.pause(Infinity);
        continue;
      }
      const why = await this.once();
      if (this.stopped) return;
      if (this.hidden()) continue;
      if (why?.code === Code.OutOfRange || why?.reason === "RESUME_TOKEN_INVALID") {
        this.stop();
        return this.following.onGap();
      }
      if (why?.code === Code.PermissionDenied || why?.code === Code.InvalidArgument) {
        this.state.value = { is: "refused", why };
        return this.stop();
      }
      if (this.state.value.is !== "lost") {
        this.state.value = { is: "lost", since: this.heard, why: why?.message ?? "The stream has ended." };
      }
      if (why?.needsLogin) await this.login(why);
      else await this.pause(Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.failures++) * (0.75 + Math.random() / 2));
    }
  }

  /** One stream, to its end. */
  private async once(): Promise<Refusal | undefined> {
    this.open = new AbortController();
    this.heard = Date.now();
    const { filter, onMessage } = this.following;
    try {
      const messages = stores.watchStatus(
        { filter, resumeToken: this.resume },
        { signal: this.open.signal, onHeader: () => this.note() },
      );
      for await (const message of messages) {
        if (this.stopped) return undefined;
        this.note();
        if (message.event.case === "heartbeat") learnTime(message.event.value.serverTime);
        onMessage(message);
        if (message.resumeToken) this.resume = message.resumeToken;
      }
      return undefined;
    } catch (error) {
      return refusalOf(error);
    } finally {
      this.open = undefined;
    }
  }

  private note(): void {
    this.heard = Date.now();
    this.failures = 0;
    if (this.state.value.is !== "live" && !this.stopped) this.state.value = { is: "live" };
  }

  private pause(length: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = Number.isFinite(length) ? setTimeout(() => this.wake?.(), length) : undefined;
      this.wake = () => {
        clearTimeout(timer);
        this.wake = undefined;
        resolve();
      };
    });
  }

  /** Waits for another token. */
  private async login(why: Refusal): Promise<void> {
    const before = token.value;
    noteRefusal(why);
    const forget = token.subscribe((next) => {
      if (next !== before) this.wake?.();
    });
    if (token.value === before) await this.pause(Infinity);
    forget();
  }
}

/** Begins to follow. */
export const follow = (following: Following): Follower => new Stream(following);
