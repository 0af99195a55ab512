// A new store: nothing has to be filled in, and what is wrong is said at its field.
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { FieldFault, Refusal } from "../refusal";
import { may, principal } from "../session";
import { Icon } from "../ui/icon";
import { Link, Notice, PageTitle, Problem } from "../ui/parts";
import { Choices } from "./choices";
import { GROUPS, type Field, type Group } from "./fields";
import { Form } from "./form";
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

function CreateForm() {
  const form = useMemo(() => new Form(), []);
  const element = useRef<HTMLFormElement>(null);
  const why = form.why.value;
  const faults = form.faults.value;
  useEffect(() => {
    // The first field that is wrong is where the reader goes on.
    if (why?.faults.length) element.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [why]);
  const submit = (event: Event) => {
    event.preventDefault();
    void form.send();
  };
  return (
    <form ref={element} class="create" onSubmit={submit} noValidate>
      <p class="crumbs">
        <Link href="/">
          <Icon name="back" />
          Stores
        </Link>
      </p>
      <PageTitle title="Create a store" />
      <p>Nothing has to be filled in. An empty field takes what it shows.</p>
      {GROUPS.map((group) => (
        <Section key={group.title} group={group} faults={faults}>
          <Fields form={form} group={group} />
          {group.open && <Choices form={form} />}
        </Section>
      ))}
      {why && <Rejected why={why} />}
      <div class="answers">
        <button type="submit" class="primary" aria-disabled={form.busy.value}>
          {form.busy.value ? "Creating…" : "Create the store"}
        </button>
        <Link href="/" class="button">
          Cancel
        </Link>
      </div>
    </form>
  );
}

function Fields({ form, group }: { form: Form; group: Group }) {
  const { texts } = form.draft.value;
  return (
    <div class="grid">
      {group.fields.filter(isShown).map((field) => (
        <TextField
          key={field.path}
          field={field}
          text={texts[field.path] ?? ""}
          fault={faultOf(form.faults.value, field.path)}
          onInput={(text) => form.write(field.path, text)}
          onLeave={() => void form.check(field.path)}
        />
      ))}
    </div>
  );
}

/** A reader of one tenant creates for it alone. */
const isShown = (field: Field): boolean => field.path !== "tenant" || principal.value?.tenants.length !== 1;

const faultOf = (faults: FieldFault[], path: string): string | undefined =>
  faults.find(({ field }) => field === path || field.startsWith(`${path}.`) || field.startsWith(`${path}[`))?.why;

function Section({ group, faults, children }: { group: Group; faults: FieldFault[]; children: ComponentChildren }) {
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
  const others = why.faults.filter(
    ({ field }) => !known.some((path) => field.startsWith(path)) && !field.startsWith("spec.shop."),
  );
  if (why.faults.length && !others.length) {
    return (
      <div class="notice bad" role="alert">
        <Icon name="warning" />
        <p>
          {why.faults.length === 1 ? "One field is not right yet." : `${why.faults.length} fields are not right yet.`}{" "}
          Each says why.
        </p>
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
