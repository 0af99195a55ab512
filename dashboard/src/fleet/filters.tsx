// What narrows the list. Each is in the address.
import { useEffect, useRef } from "preact/hooks";
import type { GetSummaryResponse } from "../contract";
import { go } from "../route";
import { principal } from "../session";
import { Icon } from "../ui/icon";
import { Link } from "../ui/parts";
import { pathOf, type FleetQuery } from "./query";

/** The list follows the typing after this pause. */
const TYPING = 300;

/** The fields and the address: each follows the other. */
function useFields(query: FleetQuery) {
  const form = useRef<HTMLFormElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const read = (name: string) => {
    const field = form.current?.elements.namedItem(name);
    return field instanceof HTMLInputElement || field instanceof HTMLSelectElement ? field.value.trim() : "";
  };
  const apply = (replace: boolean) => {
    clearTimeout(timer.current);
    go(pathOf(query, { text: read("q"), tenant: read("tenant"), label: read("label") }), replace);
  };
  const typed = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => apply(true), TYPING);
  };
  useEffect(() => {
    const shown = { q: query.text, label: query.label };
    for (const [name, value] of Object.entries(shown)) {
      const field = form.current?.elements.namedItem(name);
      // Not under the reader's fingers.
      if (field instanceof HTMLInputElement && field !== document.activeElement) field.value = value;
    }
    return () => clearTimeout(timer.current);
  }, [query]);
  return { form, apply, typed };
}

export function Filters({ query, summary }: { query: FleetQuery; summary: GetSummaryResponse | undefined }) {
  const { form, apply, typed } = useFields(query);
  const submit = (event: Event) => {
    event.preventDefault();
    apply(false);
  };
  const narrowed = query.text || query.tenant || query.label || query.state !== undefined;
  return (
    <form ref={form} class="filters" role="search" aria-label="Stores" onSubmit={submit}>
      <div class="field search">
        <label for="q">Search</label>
        <Icon name="search" />
        <input
          id="q"
          name="q"
          type="search"
          maxLength={100}
          placeholder="Title, id, address or label"
          defaultValue={query.text}
          onInput={typed}
        />
      </div>
      <TenantField tenant={query.tenant} summary={summary} onChange={() => apply(false)} />
      <div class="field">
        <label for="label">Label</label>
        <input
          id="label"
          name="label"
          placeholder="key=value"
          pattern="[^=]+=.*"
          defaultValue={query.label}
          onChange={() => apply(false)}
        />
      </div>
      <button type="submit" class="unseen-unless-focused">
        Search
      </button>
      {narrowed && (
        <Link href="/" class="clear">
          Show all
        </Link>
      )}
    </form>
  );
}

/** The tenants that the reader can choose from: its own, or those that have most stores. */
function TenantField({
  tenant,
  summary,
  onChange,
}: {
  tenant: string;
  summary: GetSummaryResponse | undefined;
  onChange(): void;
}) {
  const own = principal.value?.tenants ?? [];
  if (own.length === 1) return null;
  const names = own.length ? own : (summary?.tenants ?? []).map((count) => count.tenant).filter(Boolean);
  const known = names.includes(tenant) || !tenant ? names : [tenant, ...names];
  if (!known.length) return null;
  return (
    <div class="field">
      <label for="tenant">Tenant</label>
      <select id="tenant" name="tenant" onChange={onChange}>
        <option value="">All</option>
        {[...known].sort().map((name) => (
          <option key={name} value={name} selected={name === tenant}>
            {name}
          </option>
        ))}
      </select>
    </div>
  );
}
