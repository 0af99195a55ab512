// To which newer releases a store can be updated, and the question before it is.
import { useState } from "preact/hooks";
import { stores, UNARY } from "../api";
import type { AvailableUpdate, Store } from "../contract";
import { requestId } from "../request-id";
import { announce } from "../ui/announce";
import { Dialog } from "../ui/dialog";
import { Outside, Problem } from "../ui/parts";
import { useSending } from "../ui/sending";
import { DISTANCES } from "../words";
import type { OneStore } from "./model";

interface Props {
  store: Store;
  model: OneStore;
  updates: AvailableUpdate[];
  onClose(): void;
}

export function UpdateDialog({ store, model, updates, onClose }: Props) {
  const sending = useSending();
  const [release, setRelease] = useState(updates[0]?.release ?? "");
  const update = async () => {
    const request = {
      id: store.id,
      requestId: requestId(),
      spec: { release },
      updateMask: { paths: ["spec.release"] },
    };
    const answer = await sending.send(() => stores.update(request, UNARY));
    if (!answer) return;
    if (answer.store) model.take(answer.store);
    announce(`${store.id} is being updated`);
    onClose();
  };
  const busy = sending.busy.value;
  return (
    <Dialog title={`Update ${store.id}?`} onClose={onClose}>
      {sending.why.value && <Problem why={sending.why.value} />}
      <p>
        The shop sells meanwhile. A release that does not work here is taken back by itself; the database stays as the
        new release has left it.
      </p>
      <fieldset class="field">
        <legend>Release</legend>
        {updates.map((one) => (
          <Choice key={one.release} update={one} chosen={one.release === release} onChoose={setRelease} />
        ))}
      </fieldset>
      <div class="answers">
        <button type="button" class="primary" aria-disabled={busy} onClick={() => void update()}>
          {busy ? "Updating…" : "Update it"}
        </button>
        <button type="button" onClick={onClose}>
          Leave it as it is
        </button>
      </div>
    </Dialog>
  );
}

interface ChoiceProps {
  update: AvailableUpdate;
  chosen: boolean;
  onChoose(release: string): void;
}

function Choice({ update, chosen, onChoose }: ChoiceProps) {
  return (
    <label class="choice">
      <input type="radio" name="release" checked={chosen} onChange={() => onChoose(update.release)} />
      <span>
        <code>{update.release}</code> <span class="fine">{DISTANCES[update.kind]}</span>
        {update.security && <strong> closes security holes</strong>}
        {update.notesUrl && (
          <>
            {" "}
            <Outside href={update.notesUrl}>What is new</Outside>
          </>
        )}
      </span>
    </label>
  );
}
