// A form that is sent by one call. What is wrong with it is said at its fields, and the rest above its button.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Refusal } from "../refusal";
import { Faults } from "./faults";
import { Icon } from "./icon";
import { Problem } from "./parts";
import type { Sending } from "./sending";

interface Props {
  sending: Sending;
  /** Whether the form says what is wrong with a field itself. */
  shows(field: string): boolean;
  onSubmit(): void;
  /** The word of the button, and while it is sent. */
  submit: [string, string];
  class?: string;
  /** Beside the button. */
  aside?: ComponentChildren;
  children: ComponentChildren;
}

export function Form({ sending, shows, onSubmit, submit, class: name, aside, children }: Props) {
  const element = useRef<HTMLFormElement>(null);
  const why = sending.why.value;
  const busy = sending.busy.value;
  useEffect(() => {
    // The first field that is wrong is where the reader goes on.
    if (why?.faults.length) element.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [why]);
  const send = (event: Event) => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <form ref={element} class={name} onSubmit={send} noValidate>
      {children}
      {why && <Rejected why={why} shows={shows} />}
      <div class="answers">
        <button type="submit" class="primary" aria-disabled={busy}>
          {busy ? submit[1] : submit[0]}
        </button>
        {aside}
      </div>
    </form>
  );
}

/** Why a form was not taken, without what its fields say. */
export function Rejected({ why, shows }: { why: Refusal; shows(field: string): boolean }) {
  const others = why.faults.filter(({ field }) => !shows(field));
  if (why.faults.length && !others.length) {
    return (
      <div class="notice bad" role="alert">
        <Icon name="warning" />
        <p>
          {why.faults.length === 1 ? "One field is not right yet." : `${why.faults.length} fields are not right yet.`}{" "}
          Each says why.
        </p>
      </div>
    );
  }
  return (
    <Problem why={why}>
      <Faults faults={others} />
    </Problem>
  );
}
