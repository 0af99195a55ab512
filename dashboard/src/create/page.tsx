// A new store: nothing has to be filled in, and what is wrong is said at its field.
import { useEffect, useRef, useState } from "preact/hooks";
import { toBinary } from "@bufbuild/protobuf";
import { requestId, stores, UNARY } from "../api";
import { CreateRequestSchema } from "../contract";
import { refusalOf, type FieldFault, type Refusal } from "../refusal";
import { go, storePath } from "../route";
import { may, noteRefusal, principal } from "../session";
import { Icon } from "../ui/icon";
import { Link, Notice, PageTitle, Problem } from "../ui/parts";
import { EMPTY, GROUPS, requestOf, type Draft, type Field, type Group } from "./fields";
import { Choices } from "./choices";
import { TextField } from "./text-field";

export function CreatePage() {
  if (may("stores.create")) return <CreateForm />;
  return (
    <>
      <PageTitle title="Create a store" />
      <Notice tone="idle" icon="key">
        <p>Your role, {principal.value?.role}, cannot create stores.</p>
      </Notice>
    </>
  );
}

/** One id for one request: sent again, it makes no second store. */
function useRequestId(): (draft: Draft) => string {
  const last = useRef<{ body: string; id: string } | undefined>(undefined);
  return (draft) => {
    const body = toBinary(CreateRequestSchema, requestOf(draft)).join();
    if (last.current?.body !== body) last.current = { body, id: requestId() };
    return last.current.id;
  };
}

function CreateForm() {
  const [draft, setDraft] = useState<Draft>(EMPTY);
  const [touched, setTouched] = useState<ReadonlySet<string>>(new Set());
  const [faults, setFaults] = useState<FieldFault[]>([]);
  const [why, setWhy] = useState<Refusal>();
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const idOf = useRequestId();
  const turn = useRef(0);

  const fail = (refusal: Refusal) => {
    noteRefusal(refusal);
    setFaults(refusal.faults);
    setWhy(refusal);
    setTouched(new Set([...touched, ...refusal.faults.map((fault) => fault.field)]));
  };
  /** Asks the server about what is filled in, when the reader leaves a field. */
  const check = async (path: string) => {
    setTouched(new Set([...touched, path]));
    const now = ++turn.current;
    const answer = await stores.create({ ...requestOf(draft), validateOnly: true }, UNARY).then(() => undefined, refusalOf);
    if (now === turn.current && (!answer || answer.faults.length)) setFaults(answer?.faults ?? []);
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    turn.current++;
    setBusy(true);
    setWhy(undefined);
    try {
      const { store } = await stores.create({ ...requestOf(draft), requestId: idOf(draft) }, UNARY);
      if (store) go(storePath(store.id));
    } catch (error) {
      fail(refusalOf(error));
      setBusy(false);
    }
  };
  useEffect(() => {
    // The first field that is wrong is where the reader goes on.
    if (why?.faults.length) form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [why]);

  const shown = faults.filter((fault) => touched.has(fault.field));
  const change = (path: string, text: string) => setDraft({ ...draft, texts: { ...draft.texts, [path]: text } });
  const field = (field: Field) => (
    <TextField
      key={field.path}
      field={field}
      text={draft.texts[field.path] ?? ""}
      fault={faultOf(shown, field.path)}
      onInput={(text) => change(field.path, text)}
      onLeave={() => void check(field.path)}
    />
  );
  return (
    <form ref={form} class="create" onSubmit={submit} noValidate>
      <p class="crumbs">
        <Link href="/">
          <Icon name="back" />
          Stores
        </Link>
      </p>
      <PageTitle title="Create a store" />
      <p>Nothing has to be filled in. An empty field takes what it shows.</p>
      {GROUPS.map((group) => (
        <Section key={group.title} group={group} faults={shown}>
          <div class="grid">{group.fields.filter(isShown).map(field)}</div>
          {group.title === "Shop" && <Choices draft={draft} faults={shown} onChange={setDraft} onLeave={(path) => void check(path)} />}
        </Section>
      ))}
      {why && <Rejected why={why} />}
      <div class="answers">
        <button type="submit" class="primary" disabled={busy}>
          {busy ? "Creating…" : "Create the store"}
        </button>
        <Link href="/" class="button">
          Cancel
        </Link>
      </div>
    </form>
  );
}

/** A reader of one tenant creates for it alone. */
const isShown = (field: Field): boolean => field.path !== "tenant" || principal.value?.tenants.length !== 1;

const faultOf = (faults: FieldFault[], path: string): string | undefined =>
  faults.find(({ field }) => field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`))?.why;

function Section({ group, faults, children }: { group: Group; faults: FieldFault[]; children: preact.ComponentChildren }) {
  if (group.open) {
    return (
      <fieldset class="card">
        <legend>{group.title}</legend>
        {children}
      </fieldset>
    );
  }
  const wrong = group.fields.some((field) => faultOf(faults, field.path));
  return (
    <details class="card" open={wrong || undefined}>
      <summary>{group.title}</summary>
      {children}
    </details>
  );
}

function Rejected({ why }: { why: Refusal }) {
  const known = GROUPS.flatMap((group) => group.fields).map((field) => field.path);
  const others = why.faults.filter(({ field }) => !known.some((path) => field.startsWith(path)) && !field.startsWith("spec.shop."));
  if (why.faults.length && !others.length) {
    return (
      <div class="notice bad" role="alert">
        <Icon name="warning" />
        <p>{why.faults.length === 1 ? "One field is not right yet." : `${why.faults.length} fields are not right yet.`} Each says why.</p>
      </div>
    );
  }
  return (
    <Problem why={why}>
      {others.map(({ field, why }) => (
        <p key={field}>
          <code>{field}</code> {why}
        </p>
      ))}
    </Problem>
  );
}
