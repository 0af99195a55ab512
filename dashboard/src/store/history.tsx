// What happened to a store, and who did it.
import { exact, ms } from "../clock";
import type { HistoryEntry } from "../contract";
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
              {entry.principal ? <Actor principal={entry.principal} /> : "by the server itself"}
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
