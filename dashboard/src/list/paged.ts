// One page of a list, as it was when it was read.
import { signal } from "@preact/signals";
import { refusalOf, type Refusal } from "../refusal";
import { noteRefusal } from "../session";
import { token } from "../token";

const RETRY = 3_000;

export interface Page<T> {
  items: T[];
  /** The token of the next page. Empty: this is the last one. */
  next: string;
}

export class Paged<T> {
  /** Absent: nothing was read yet. */
  readonly page = signal<Page<T> | undefined>(undefined);
  readonly problem = signal<Refusal | undefined>(undefined);
  /** What is shown is older than the reading that is under way. */
  readonly busy = signal(false);
  /** Whether what is shown is what this page was asked for. */
  private own = false;
  /** How many readings have begun; below 0: it has stopped. */
  private reading = 0;
  private retrying: ReturnType<typeof setTimeout> | undefined;
  private readonly forget: () => void;

  /**
   * @param read reads the page from the server
   * @param onLost the server does not know the token of the page any more
   * @param before what is shown until the page is there
   */
  constructor(
    private readonly read: () => Promise<Page<T>>,
    private readonly onLost: () => void,
    before?: Paged<T>,
  ) {
    this.page.value = before?.page.peek();
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
    clearTimeout(this.retrying);
  }

  load = async (): Promise<void> => {
    if (this.reading < 0) return;
    const turn = ++this.reading;
    clearTimeout(this.retrying);
    this.busy.value = true;
    try {
      const page = await this.read();
      if (turn !== this.reading) return;
      this.page.value = page;
      this.own = true;
      this.problem.value = undefined;
    } catch (error) {
      if (turn !== this.reading) return;
      this.fail(refusalOf(error));
    }
    this.busy.value = false;
  };

  private fail(why: Refusal): void {
    if (why.reason === "PAGE_TOKEN_INVALID") return this.onLost();
    if (!this.own) this.page.value = undefined;
    this.problem.value = why;
    noteRefusal(why);
    if (why.passes) this.retrying = setTimeout(this.load, RETRY);
  }
}
