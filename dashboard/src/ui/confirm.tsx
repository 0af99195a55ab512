// Asks before something is done that cannot be taken back.
import type { ComponentChildren } from "preact";
import { Dialog } from "./dialog";
import { Problem } from "./parts";
import type { Sending } from "./sending";

interface Props {
  title: string;
  sending: Sending;
  /** The word of the button, and while it is done. */
  act: [string, string];
  /** The word of the button that leaves everything as it is. */
  keep: string;
  onConfirm(): void;
  onClose(): void;
  /** What is lost. */
  children: ComponentChildren;
}

export function Confirm({ title, sending, act, keep, onConfirm, onClose, children }: Props) {
  const busy = sending.busy.value;
  return (
    <Dialog title={title} onClose={onClose}>
      {sending.why.value && <Problem why={sending.why.value} />}
      {children}
      <div class="answers">
        <button type="button" class="danger solid" aria-disabled={busy} onClick={onConfirm}>
          {busy ? act[1] : act[0]}
        </button>
        <button type="button" onClick={onClose}>
          {keep}
        </button>
      </div>
    </Dialog>
  );
}
