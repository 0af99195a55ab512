// What happened to a store, and who did it.
import { exact, ms } from "../clock";
import { HistoryEntry_Event, type HistoryEntry } from "../contract";
import { Ago, Card } from "../ui/parts";
import { actorOf, EVENTS } from "../words";

export function HistoryCard({ history }: { history: HistoryEntry[] }) {
  if (!history.length) return null;
  return (
    <Card title="History" id="history">
      <ol class="history">
        {[...history].reverse().map((entry, at) => (
          <li key={at}>
            <span class="what">{EVENTS[entry.event] ?? "Something that this page does not know"}</span>
            <span class="took">
              <Ago time={ms(entry.time)} />
            </span>
            <span class="detail">
              <By entry={entry} />
              <When time={ms(entry.time)} />
              {entry.requestId && (
                <span>
                  call <code>{entry.requestId}</code>
                </span>
              )}
            </span>
          </li>
        ))}
      </ol>
    </Card>
  );
}

/** Two events come about by the server itself. Others without a caller are of a server that asks for no tokens. */
function By({ entry }: { entry: HistoryEntry }) {
  if (entry.principal) return <Actor principal={entry.principal} />;
  const own = entry.event === HistoryEntry_Event.READY || entry.event === HistoryEntry_Event.ADOPTED;
  return own ? <span>by the server itself</span> : null;
}

const When = ({ time }: { time: number | undefined }) => (time === undefined ? null : <span>{exact(time)}</span>);

function Actor({ principal }: { principal: string }) {
  const { kind, name, id } = actorOf(principal);
  return (
    <span title={principal}>
      by <b>{name}</b>
      {kind && ` (${kind}${id ? ` ${id}` : ""})`}
    </span>
  );
}
