// One tenant, as it was when it was read.
import { signal } from "@preact/signals";
import { tenants, UNARY } from "../api";
import type { Tenant } from "../contract";
import { refusalOf, type Refusal } from "../refusal";
import { noteRefusal } from "../session";
import { token } from "../token";

const RETRY = 3_000;

export class OneTenant {
  readonly tenant = signal<Tenant | undefined>(undefined);
  readonly problem = signal<Refusal | undefined>(undefined);
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
  }

  load = async (): Promise<void> => {
    clearTimeout(this.retrying);
    try {
      const { tenant } = await tenants.get({ id: this.id }, UNARY);
      if (this.stopped) return;
      this.problem.value = undefined;
      this.tenant.value = tenant;
    } catch (error) {
      if (this.stopped) return;
      const why = refusalOf(error);
      this.problem.value = why;
      noteRefusal(why);
      if (why.passes) this.retrying = setTimeout(this.load, RETRY);
    }
  };
}
