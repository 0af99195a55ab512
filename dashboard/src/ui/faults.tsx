// The fields of a request that are not valid, each with what it must be.
import type { FieldFault } from "../refusal";

export function Faults({ faults }: { faults: FieldFault[] }) {
  return (
    <>
      {faults.map(({ field, why }) => (
        <p key={field}>
          <code>{field}</code> {why}
        </p>
      ))}
    </>
  );
}
