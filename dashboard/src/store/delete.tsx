// Asks as much as the loss is worth: a shop that has sold is named, any other takes a click.
import { useEffect, useRef, useState } from "preact/hooks";
import { stores, UNARY } from "../api";
import { exact, ms } from "../clock";
import type { Store } from "../contract";
import { refusalOf, type Refusal } from "../refusal";
import { requestId } from "../request-id";
import { noteRefusal } from "../session";
import { Dialog } from "../ui/dialog";
import { Problem } from "../ui/parts";
import { isKept } from "../words";
import type { OneStore } from "./model";

/** A store that is being made changes all the time: what was agreed to still holds for it. */
const TRIES = 5;

/** Whether what the reader agreed to is still the same loss. */
const sameLoss = (agreed: Store, now: Store): boolean =>
  agreed.uid === now.uid &&
  agreed.generation === now.generation &&
  !agreed.readyTime === !now.readyTime &&
  isKept(agreed.state) === isKept(now.state);

async function remove(model: OneStore, agreed: Store): Promise<void> {
  let store = agreed;
  for (let tries = 1; ; tries++) {
    try {
      const { id, etag } = store;
      const answer = await stores.delete({ id, etag, force: isKept(store.state), requestId: requestId() }, UNARY);
      if (answer.store) model.take(answer.store);
      return;
    } catch (error) {
      const why = refusalOf(error);
      if (why.reason !== "ETAG_MISMATCH" || tries >= TRIES) throw why;
      const { store: now } = await stores.get({ id: store.id }, UNARY);
      if (now) model.take(now);
      if (!now || !sameLoss(agreed, now)) throw why;
      store = now;
    }
  }
}

export function DeleteDialog({ model, onClose }: { model: OneStore; onClose(): void }) {
  const store = model.store.value;
  const field = useRef<HTMLInputElement>(null);
  const [named, setNamed] = useState(false);
  const [busy, setBusy] = useState(false);
  const [why, setWhy] = useState<Refusal>();
  const kept = useKeptUntil(model.id, store !== undefined && isKept(store.state));
  if (!store) return null;
  const sold = store.readyTime !== undefined;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    if (sold && field.current?.value.trim() !== store.id) return field.current?.focus();
    setBusy(true);
    try {
      await remove(model, store);
      onClose();
    } catch (error) {
      const refusal = refusalOf(error);
      noteRefusal(refusal);
      setWhy(refusal);
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Delete ${store.id}?`} onClose={onClose}>
      <form onSubmit={submit}>
        {why && (
          <Problem why={why}>
            {why.reason === "ETAG_MISMATCH" && (
              <p>It is shown as it is now. If that is still what you want, delete again.</p>
            )}
          </Problem>
        )}
        <Loss store={store} kept={kept} />
        {sold && (
          <div class="field">
            <label for="delete-id">
              Type <code>{store.id}</code> to delete it
            </label>
            <input
              ref={field}
              id="delete-id"
              autocomplete="off"
              spellcheck={false}
              onInput={(event) => setNamed(event.currentTarget.value.trim() === store.id)}
            />
          </div>
        )}
        <div class="answers">
          <button type="submit" class="danger solid" disabled={sold && !named} aria-disabled={busy}>
            {busy ? "Deleting…" : kept === undefined ? "Delete for good" : "Delete"}
          </button>
          <button type="button" onClick={onClose}>
            Keep it
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Until when the store could be brought back, if the server keeps deleted stores. Until it is known, the loss is for good. */
function useKeptUntil(id: string, force: boolean): number | undefined {
  const [until, setUntil] = useState<number>();
  useEffect(() => {
    let closed = false;
    stores.delete({ id, force, validateOnly: true }, UNARY).then(
      ({ store }) => !closed && setUntil(ms(store?.purgeTime)),
      () => undefined, // The deletion itself says what is wrong.
    );
    return () => {
      closed = true;
    };
  }, [id, force]);
  return until;
}

function Loss({ store, kept }: { store: Store; kept: number | undefined }) {
  const title = store.spec?.shop?.title || store.id;
  if (store.readyTime === undefined) {
    return <p>“{title}” was never ready: there are no orders in it. What was made so far is removed.</p>;
  }
  if (kept !== undefined) {
    return (
      <p>
        “{title}” is closed now. Its database, products, orders, customers and files are kept until {exact(kept)}; until
        then it can be brought back. Then they are removed for good.
      </p>
    );
  }
  return (
    <p>
      “{title}” with its database, products, orders, customers and files is removed for good. It cannot be restored.
    </p>
  );
}
