// What narrows the audit. Each is in the address.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { go } from "../route";
import { principal } from "../session";
import { Icon } from "../ui/icon";
import { Link } from "../ui/parts";
import { isNarrowed, pathOf, type AuditQuery } from "./query";
import { CHOICES, decisionOfSlug, decisionSlug, SOUGHT } from "./words";

const two = (number: number): string => String(number).padStart(2, "0");

/** A time as a field of date and time has it: in the reader's zone, to the minute. */
function localTime(time: number | undefined): string {
  if (time === undefined) return "";
  const at = new Date(time);
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

function timeOfField(text: string): number | undefined {
  const time = new Date(text).getTime();
  return Number.isNaN(time) ? undefined : time;
}

/** The fields, as the query has them. */
const fieldsOf = (query: AuditQuery): Record<string, string> => ({
  who: query.who,
  about: query.about,
  what: query.what,
  tenant: query.tenant,
  decision: query.decision === undefined ? "" : decisionSlug(query.decision),
  from: localTime(query.from),
  until: localTime(query.until),
});

export function Filters({ query }: { query: AuditQuery }) {
  const form = useRef<HTMLFormElement>(null);
  const field = (name: string) => {
    const found = form.current?.elements.namedItem(name);
    return found instanceof HTMLInputElement || found instanceof HTMLSelectElement ? found : undefined;
  };
  const read = (name: string) => field(name)?.value.trim() ?? "";
  // A field that shows what the query has is left as it is: it does not show seconds.
  const time = (name: "from" | "until") =>
    read(name) === localTime(query[name]) ? query[name] : timeOfField(read(name));
  const apply = () => {
    const texts = { who: read("who"), about: read("about"), what: read("what"), tenant: read("tenant") };
    go(
      pathOf(query, { ...texts, decision: decisionOfSlug(read("decision")), from: time("from"), until: time("until") }),
    );
  };
  useEffect(() => {
    for (const [name, value] of Object.entries(fieldsOf(query))) {
      const shown = field(name);
      if (shown && shown.value !== value) shown.value = value;
    }
  }, [query]);
  const submit = (event: Event) => {
    event.preventDefault();
    apply();
  };
  return (
    <form ref={form} class="filters even" role="search" aria-label="Audit" onSubmit={submit} onChange={apply}>
      <TextFilter name="who" label="Who" hint="token:ci#4fKq0ZpL2x, or its id" />
      <TextFilter name="about" label="About" hint="Id of a store, token or tenant" />
      <Choice name="what" label="What" choices={withChosen(SOUGHT, query.what)} />
      <Choice name="decision" label="Decision" choices={CHOICES} />
      {principal.value?.tenants.length !== 1 && <TextFilter name="tenant" label="Tenant" hint="Its id" />}
      <TimeFilter name="from" label="From" />
      <TimeFilter name="until" label="Before" />
      <button type="submit">
        <Icon name="search" />
        Search
      </button>
      {isNarrowed(query) && (
        <Link href="/audit" class="clear">
          Show all
        </Link>
      )}
    </form>
  );
}

/** The choices, and what was chosen by the address if it is none of them. */
const withChosen = (choices: [string, string][], chosen: string): [string, string][] =>
  !chosen || choices.some(([value]) => value === chosen) ? choices : [...choices, [chosen, chosen]];

interface FilterProps {
  name: string;
  label: string;
  class?: string;
  children: ComponentChildren;
}

function Filter({ name, label, class: more, children }: FilterProps) {
  return (
    <div class={more ? `field ${more}` : "field"}>
      <label for={`audit-${name}`}>{label}</label>
      {children}
    </div>
  );
}

function TextFilter({ name, label, hint }: { name: string; label: string; hint: string }) {
  return (
    <Filter name={name} label={label}>
      <input
        id={`audit-${name}`}
        name={name}
        maxLength={256}
        placeholder={hint}
        autocomplete="off"
        spellcheck={false}
      />
    </Filter>
  );
}

function TimeFilter({ name, label }: { name: string; label: string }) {
  return (
    <Filter name={name} label={label} class="time">
      <input id={`audit-${name}`} name={name} type="datetime-local" />
    </Filter>
  );
}

function Choice({ name, label, choices }: { name: string; label: string; choices: [string, string][] }) {
  return (
    <Filter name={name} label={label}>
      <select id={`audit-${name}`} name={name}>
        <option value="">All</option>
        {choices.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </Filter>
  );
}
