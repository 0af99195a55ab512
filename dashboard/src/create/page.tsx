// A new store: nothing has to be filled in, and what is wrong is said at its field.
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { FieldFault } from "../refusal";
import { may, principal } from "../session";
import { Rejected } from "../ui/form";
import { Icon } from "../ui/icon";
import { Forbidden, Link, PageTitle } from "../ui/parts";
import { faultOf } from "../ui/sending";
import { TextField, type Field } from "../ui/text-field";
import { Choices } from "./choices";
import { GROUPS, type Group } from "./fields";
import { Form } from "./form";

export function CreatePage() {
  return may("stores.create") ? <CreateForm /> : <Forbidden title="Create a store" cannot="create stores" />;
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
      {why && <Rejected why={why} shows={isSaid} />}
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

/** Whether the form says what is wrong with a field itself. */
const isSaid = (path: string): boolean =>
  path.startsWith("spec.shop.") || GROUPS.some((group) => group.fields.some((field) => path.startsWith(field.path)));

/** A reader of one tenant creates for it alone. */
const isShown = (field: Field): boolean => field.path !== "tenant" || principal.value?.tenants.length !== 1;

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
  return <Folded title={group.title} wrong={wrong} children={children} />;
}

/** Opens where something is wrong. It is the reader who closes it: a fault that is mended must not take the field away. */
function Folded({ title, wrong, children }: { title: string; wrong: boolean; children: ComponentChildren }) {
  const element = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    if (wrong && element.current) element.current.open = true;
  }, [wrong]);
  return (
    <details ref={element} class="card">
      <summary>{title}</summary>
      {children}
    </details>
  );
}
