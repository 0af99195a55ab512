// One call that a form or a dialog makes: no second one while it is under way, and why it was refused.
import { signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { refusalOf, type FieldFault, type Refusal } from "../refusal";
import { noteRefusal } from "../session";

export class Sending {
  readonly busy = signal(false);
  readonly why = signal<Refusal | undefined>(undefined);

  /** What `call` returns; nothing if it was refused, or one is under way. */
  async send<T>(call: () => Promise<T>): Promise<T | undefined> {
    if (this.busy.peek()) return undefined;
    this.busy.value = true;
    this.why.value = undefined;
    try {
      return await call();
    } catch (error) {
      const why = refusalOf(error);
      noteRefusal(why);
      this.why.value = why;
      return undefined;
    } finally {
      this.busy.value = false;
    }
  }

  /** What is wrong with a field, or with a part of it. */
  faultOf(path: string): string | undefined {
    return faultOf(this.why.value?.faults ?? [], path);
  }
}

/** Whether `field`, as the server names it, is the field at `path` or a part of it, such as one label of all. */
export const isOf = (field: string, path: string): boolean =>
  field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`);

export const faultOf = (faults: FieldFault[], path: string): string | undefined =>
  faults.find(({ field }) => isOf(field, path))?.why;

export const useSending = (): Sending => useMemo(() => new Sending(), []);
