// The table of entries. What callers wrote into them is shown as text.
import { Fragment } from "preact";
import { exact, ms } from "../clock";
import { AuditEntry_Decision, type AuditEntry } from "../contract";
import { explained } from "../refusal";
import { storePath } from "../route";
import { Ago, Badge, Link, Outside } from "../ui/parts";
import { actorOf } from "../words";
import { pathOf, type AuditQuery } from "./query";
import { decisionLook, methodWords, shortMethod } from "./words";

export function AuditTable({ entries, query }: { entries: AuditEntry[]; query: AuditQuery }) {
  return (
    <table class="list audit">
      <caption class="unseen">Entries</caption>
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col" class="mid">
            Who
          </th>
          <th scope="col">Decision</th>
          <th scope="col" class="mid">
            When
          </th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <Row key={entry.id} entry={entry} query={query} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ entry, query }: { entry: AuditEntry; query: AuditQuery }) {
  const time = ms(entry.time);
  return (
    <tr>
      <th scope="row">
        <b>{methodWords(entry.method)}</b>
        {entry.resource && (
          <span class="under">
            <About entry={entry} query={query} />
          </span>
        )}
        <span class="under slim">
          <Who entry={entry} query={query} />, <Ago time={time} />
        </span>
        <Details entry={entry} />
      </th>
      <td class="mid">
        <Who entry={entry} query={query} />
      </td>
      <td>
        <Badge look={decisionLook(entry.decision)} />
        {entry.count > 1n && <span class="under">{entry.count.toLocaleString()} times</span>}
        {entry.reason && (
          <span class="under">
            <Outside href={explained(entry.reason)}>{entry.reason}</Outside>
          </span>
        )}
      </td>
      <td class="mid">
        {time === undefined ? "–" : exact(time)}
        <span class="under">
          <Ago time={time} />
        </span>
      </td>
    </tr>
  );
}

/** A store leads to its page, everything else to the entries about it. */
function About({ entry: { resource, method, decision }, query }: { entry: AuditEntry; query: AuditQuery }) {
  const isStore = shortMethod(method).startsWith("StoreService/") && decision === AuditEntry_Decision.ALLOWED;
  const path = isStore ? storePath(resource) : pathOf(query, { about: resource });
  return (
    <Link href={path}>
      <code>{resource}</code>
    </Link>
  );
}

function Who({ entry: { principal }, query }: { entry: AuditEntry; query: AuditQuery }) {
  if (!principal) return <span class="fine">not recognized</span>;
  const { name, id, kind } = actorOf(principal);
  return (
    <Link href={pathOf(query, { who: principal })} aria-label={`Entries of ${principal}`}>
      {name || kind}
      {id && kind === "token" && <code class="id"> {id}</code>}
    </Link>
  );
}

function Details({ entry }: { entry: AuditEntry }) {
  const facts: [string, string][] = [
    ["Method", entry.method],
    ["Caller", entry.principal],
    ["Tenants", entry.tenants.join(", ")],
    ["UID", entry.uid],
    ["Address", entry.peer],
    ["Program", entry.userAgent],
    ["Way", entry.via],
    ["Call", entry.requestId],
    ["Time", entry.time ? exact(ms(entry.time) ?? 0) : ""],
  ];
  return (
    <details>
      <summary>Details</summary>
      <dl class="facts">
        {facts
          .filter(([, text]) => text)
          .map(([name, text]) => (
            <Fragment key={name}>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </Fragment>
          ))}
      </dl>
    </details>
  );
}
