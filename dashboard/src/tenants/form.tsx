// The fields of a tenant.
import type { ComponentChildren } from "preact";
import type { Sending } from "../ui/sending";
import { Form } from "../ui/form";
import { TextField } from "../ui/text-field";
import { LIMITS } from "./limits";

/** What the form holds, by the path of the field. */
export type Draft = Record<string, string>;

interface Props {
  draft: Draft;
  /** Whether the id is chosen here. */
  isNew: boolean;
  sending: Sending;
  submit: [string, string];
  onChange(draft: Draft): void;
  onSubmit(): void;
  aside?: ComponentChildren;
}

const PATHS = ["id", "display_name", ...LIMITS.map(({ path }) => path)];

export function TenantForm({ draft, isNew, sending, submit, onChange, onSubmit, aside }: Props) {
  const field = (path: string, label: string, hint: string, placeholder?: string) => (
    <TextField
      key={path}
      field={{ path, label, hint, placeholder, inputMode: path.startsWith("limits.") ? "numeric" : undefined }}
      text={draft[path] ?? ""}
      fault={sending.faultOf(path)}
      onInput={(text) => onChange({ ...draft, [path]: text })}
    />
  );
  const shows = (name: string) => PATHS.includes(name) && (isNew || name !== "id");
  return (
    <Form sending={sending} shows={shows} submit={submit} onSubmit={onSubmit} aside={aside}>
      <div class="grid">
        {isNew && field("id", "Id", "As stores and tokens name it: small letters, digits, “-”, “.”, “_”.", "acme")}
        {field("display_name", "Name", "What people call it.", isNew ? "as the id" : "unchanged")}
      </div>
      <fieldset>
        <legend>Limits</legend>
        <p class="hint">An empty one is what the operator has set for all.</p>
        <div class="grid">{LIMITS.map(({ path, label, hint }) => field(path, label, hint, "as for all"))}</div>
      </fieldset>
    </Form>
  );
}
