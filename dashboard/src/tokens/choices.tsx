// What is chosen for a token: its role, its life, and what it is narrowed to.
import type { Principal } from "../contract";
import { Fault } from "../ui/text-field";
import { abilitiesFor, livesOf, rolesFor } from "./request";

interface Choice<T> {
  chosen: T;
  fault: string | undefined;
  onChange(chosen: T): void;
}

export function Roles({ who, chosen, fault, onChange }: Choice<string> & { who: Principal }) {
  return (
    <fieldset
      class="field"
      aria-invalid={fault ? "true" : undefined}
      aria-describedby={fault && "role-fault"}
      tabIndex={-1}
    >
      <legend>Role</legend>
      {rolesFor(who).map(([role, words]) => (
        <label key={role} class="choice">
          <input type="radio" name="role" checked={chosen === role} onChange={() => onChange(role)} />
          <span>
            {role} <span class="fine">{words}</span>
          </span>
        </label>
      ))}
      <Fault id="role-fault" text={fault} />
    </fieldset>
  );
}

export function Life({ role, chosen, fault, onChange }: Choice<number> & { role: string }) {
  return (
    <div class={fault ? "field wrong" : "field"}>
      <label for="token-life">Valid for</label>
      <select
        id="token-life"
        aria-invalid={fault ? "true" : undefined}
        aria-describedby={fault && "life-fault"}
        onChange={(event) => onChange(Number(event.currentTarget.value))}
      >
        {livesOf(role).map(([words, at]) => (
          <option key={at} value={at} selected={at === chosen}>
            {words}
          </option>
        ))}
      </select>
      <Fault id="life-fault" text={fault} />
    </div>
  );
}

export function Abilities({ who, role, chosen, fault, onChange }: Choice<string[]> & { who: Principal; role: string }) {
  const choose = (ability: string, on: boolean) => {
    const others = chosen.filter((one) => one !== ability);
    onChange(on ? [...others, ability] : others);
  };
  return (
    <fieldset class="card abilities" aria-describedby={fault && "abilities-fault"}>
      <legend>Only these permissions</legend>
      <p class="hint">
        {role === "agent"
          ? "With none chosen, it only reads. It changes stores only where that is chosen here."
          : "With none chosen, it has all that the role has. A permission that the role does not have is not given."}
      </p>
      {abilitiesFor(who).map((ability) => (
        <label key={ability} class="choice">
          <input
            type="checkbox"
            checked={chosen.includes(ability)}
            onChange={(event) => choose(ability, event.currentTarget.checked)}
          />
          <code>{ability}</code>
        </label>
      ))}
      <Fault id="abilities-fault" text={fault} />
    </fieldset>
  );
}
