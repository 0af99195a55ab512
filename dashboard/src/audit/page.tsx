// The audit: who did what, and what was refused.
import { useMemo } from "preact/hooks";
import { audit, UNARY } from "../api";
import { List, ReadAgain, usePaged } from "../list/list";
import { go } from "../route";
import { may } from "../session";
import { Forbidden, Link, PageTitle } from "../ui/parts";
import { Filters } from "./filters";
import { filterOf, isNarrowed, pathOf, queryOf, type AuditQuery } from "./query";
import { AuditTable } from "./table";

const PAGE_SIZE = 50;

export function AuditPage({ query }: { query: URLSearchParams }) {
  if (!may("audit.read")) return <Forbidden title="Audit" cannot="read the audit" />;
  return <Entries parameters={query.toString()} />;
}

function Entries({ parameters }: { parameters: string }) {
  const query = useMemo(() => queryOf(new URLSearchParams(parameters)), [parameters]);
  const read = async () => {
    const request = { filter: filterOf(query), pageSize: PAGE_SIZE, pageToken: query.place.after };
    const { entries, nextPageToken } = await audit.list(request, UNARY);
    return { items: entries, next: nextPageToken };
  };
  const paged = usePaged(parameters, read, () => go(pathOf(query, {}), true));
  return (
    <>
      <div class="title">
        <PageTitle title="Audit" />
        <ReadAgain paged={paged} what="entries" />
      </div>
      <p class="lead">
        Every change with its caller, every login that was read, and every call that was refused. The newest first.
      </p>
      <Filters query={query} />
      <List
        paged={paged}
        what="entries"
        place={query.place}
        path={(place) => pathOf(query, { place })}
        empty={(more) => <Empty query={query} more={more} />}
      >
        {(entries) => <AuditTable entries={entries} query={query} />}
      </List>
    </>
  );
}

/** The server reads a limited number of entries for a page: there may be some further back. */
function Empty({ query, more }: { query: AuditQuery; more: boolean }) {
  if (more) return <p>None of the entries that were searched matches. The next page searches older ones.</p>;
  if (query.place.page > 1) return <p>No older entry matches.</p>;
  if (!isNarrowed(query)) return <p>Nothing was done yet.</p>;
  return (
    <>
      <p>No entry matches.</p>
      <Link href="/audit">Show all entries</Link>
    </>
  );
}
