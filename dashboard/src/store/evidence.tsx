// What proves that a shopper can buy.
import { ms } from "../clock";
import type { Evidence } from "../contract";
import { Icon } from "../ui/icon";
import { Ago, Card } from "../ui/parts";
import { CHECKS } from "../words";

export function EvidenceCard({ evidence }: { evidence: Evidence[] }) {
  const passed = evidence.filter((one) => one.passed).length;
  return (
    <Card
      title="What the last probe found"
      id="evidence"
      aside={
        <span class="fine">
          {passed} of {evidence.length} checks pass
        </span>
      }
    >
      <ul class="checks">
        {evidence.map((one) => (
          <li key={one.check} class={one.passed ? "good" : "bad"}>
            <span class="sign">
              <Icon name={one.passed ? "check" : "cross"} />
            </span>
            <span class="what">
              {CHECKS[one.check] ?? one.check}
              <span class="unseen">{one.passed ? " passes" : " fails"}</span>
            </span>
            <span class="took">
              <Ago time={ms(one.checkTime)} />
            </span>
            <span class="detail">{one.finding}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
