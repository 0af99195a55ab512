// What the last probe of each store found: a row for each, those that fail first.
import { ms } from "../clock";
import type { Evidence, Store } from "../contract";
import { storePath } from "../route";
import { Icon } from "../ui/icon";
import { Ago, Card, Link } from "../ui/parts";
import { CHECKS } from "../words";
import { MOST } from "./model";

/** Failing ones first, each store once. */
function probed(failing: Store[], newest: Store[]): Store[] {
  const known = new Map([...failing, ...newest].map((store) => [store.id, store]));
  const all = [...known.values()].filter((store) => store.evidence.length > 0);
  const wrong = (store: Store) => store.evidence.filter((one) => !one.passed).length;
  return all.sort((a, b) => wrong(b) - wrong(a)).slice(0, MOST);
}

export function ProbesCard({ failing, newest }: { failing: Store[]; newest: Store[] }) {
  const stores = probed(failing, newest);
  const checks = Object.keys(CHECKS).filter((check) =>
    stores.some((store) => store.evidence.some((one) => one.check === check)),
  );
  return (
    <Card title="What the last probes found" id="probes">
      {stores.length ? (
        <div class="scroll" tabIndex={0} role="region" aria-label="The last probe of each store">
          <table class="list small probes">
            <caption class="unseen">The last probe of each store</caption>
            <thead>
              <tr>
                <th scope="col">Store</th>
                {checks.map((check) => (
                  <th scope="col" key={check}>
                    {CHECKS[check]}
                  </th>
                ))}
                <th scope="col" class="mid">
                  Probed
                </th>
              </tr>
            </thead>
            <tbody>
              {stores.map((store) => (
                <Row key={store.id} store={store} checks={checks} />
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <p class="fine">No store was probed yet.</p>
      )}
    </Card>
  );
}

function Row({ store, checks }: { store: Store; checks: string[] }) {
  const last = Math.max(...store.evidence.map((one) => ms(one.checkTime) ?? 0));
  return (
    <tr>
      <th scope="row">
        <Link href={storePath(store.id)}>{store.spec?.shop?.title || store.id}</Link>
      </th>
      {checks.map((check) => (
        <Mark key={check} evidence={store.evidence.find((one) => one.check === check)} />
      ))}
      <td class="mid">
        <Ago time={last || undefined} />
      </td>
    </tr>
  );
}

function Mark({ evidence }: { evidence: Evidence | undefined }) {
  if (!evidence) return <td class="fine">–</td>;
  return (
    <td class={evidence.passed ? "mark good" : "mark bad"} title={evidence.finding}>
      <Icon name={evidence.passed ? "check" : "cross"} />
      <span class="unseen">{evidence.passed ? "passes" : `fails: ${evidence.finding}`}</span>
    </td>
  );
}
