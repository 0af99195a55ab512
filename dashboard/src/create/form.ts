// What the form holds, and what the server says of it.
import { signal } from "@preact/signals";
import { toBinary } from "@bufbuild/protobuf";
import { stores, UNARY } from "../api";
import { CreateRequestSchema } from "../contract";
import { refusalOf, type FieldFault, type Refusal } from "../refusal";
import { RequestIds } from "../request-id";
import { go, storePath } from "../route";
import { noteRefusal } from "../session";
import { isOf } from "../ui/sending";
import { EMPTY, requestOf, textAt, type Draft } from "./fields";
import { wrongWith } from "./rules";

let pressed = false;
addEventListener("pointerdown", () => (pressed = true), true);
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => (pressed = false), true);

/** Once no pointer is pressed: what a click was begun on must not move away under it. */
const released = (): Promise<void> =>
  pressed
    ? new Promise((resolve) => {
        for (const end of ["pointerup", "pointercancel"])
          addEventListener(end, () => setTimeout(resolve), { once: true });
      })
    : Promise.resolve();

export class Form {
  readonly draft = signal<Draft>(EMPTY);
  /** What is wrong, at fields that the reader has left or sent. */
  readonly faults = signal<FieldFault[]>([]);
  /** Why it was not created. */
  readonly why = signal<Refusal | undefined>(undefined);
  readonly busy = signal(false);
  private readonly left = new Set<string>();
  private asked = 0;
  private readonly ids = new RequestIds();

  write(path: string, text: string): void {
    const { texts, ...rest } = this.draft.peek();
    this.draft.value = { ...rest, texts: { ...texts, [path]: text } };
  }

  /** Asks the server about what is filled in, when the reader leaves a field. Whether it can be reached matters later. */
  async check(path: string): Promise<void> {
    this.left.add(path);
    const turn = ++this.asked;
    const draft = this.draft.peek();
    const wrong = wrongWith(path, textAt(draft, path));
    const noted = released().then(() => turn === this.asked && this.note(path, wrong));
    const request = { ...requestOf(draft), validateOnly: true };
    const why = await stores.create(request, UNARY).then(() => undefined, refusalOf);
    // The server has the last word, however soon it answers.
    await noted;
    await released();
    if (turn === this.asked && (!why || why.faults.length)) this.show(why?.faults ?? []);
  }

  async send(): Promise<void> {
    if (this.busy.peek()) return;
    this.asked++;
    this.busy.value = true;
    this.why.value = undefined;
    try {
      const request = requestOf(this.draft.peek());
      const requestId = this.ids.idOf(toBinary(CreateRequestSchema, request));
      const { store } = await stores.create({ ...request, requestId }, UNARY);
      if (store) go(storePath(store.id));
    } catch (error) {
      const why = refusalOf(error);
      noteRefusal(why);
      for (const { field } of why.faults) this.left.add(field);
      this.show(why.faults);
      this.why.value = why;
    }
    this.busy.value = false;
  }

  /** What can be said without the server, until it answers. */
  private note(path: string, why: string | undefined): void {
    const others = this.faults.peek().filter(({ field }) => !isOf(field, path));
    this.faults.value = why ? [...others, { field: path, why }] : others;
  }

  private show(faults: FieldFault[]): void {
    const left = [...this.left];
    this.faults.value = faults.filter(({ field }) => left.some((path) => isOf(field, path)));
  }
}
