// Whether a store can be deleted at all, and the button that changes that.
import { stores, UNARY } from "../api";
import { Store_State, type Store } from "../contract";
import { requestId } from "../request-id";
import { may } from "../session";
import { announce } from "../ui/announce";
import { Problem } from "../ui/parts";
import { useSending } from "../ui/sending";
import { isKept } from "../words";
import type { OneStore } from "./model";

export function Protection({ store, model }: { store: Store; model: OneStore }) {
  const sending = useSending();
  const on = store.spec?.deletionProtection ?? false;
  const going = isKept(store.state) || [Store_State.DELETING, Store_State.DELETED].includes(store.state);
  const change = async () => {
    const request = {
      id: store.id,
      requestId: requestId(),
      spec: { deletionProtection: !on },
      updateMask: { paths: ["spec.deletion_protection"] },
    };
    const next = (await sending.send(() => stores.update(request, UNARY)))?.store;
    if (!next) return;
    model.take(next);
    announce(on ? "It can be deleted again" : "It is protected from deletion");
  };
  return (
    <>
      <dt>Protected</dt>
      <dd>
        {on ? "from deletion" : "no"}{" "}
        {may("stores.update") && !going && (
          <button type="button" class="quiet" aria-disabled={sending.busy.value} onClick={() => void change()}>
            {on ? "Allow deletion" : "Protect from deletion"}
          </button>
        )}
        {sending.why.value && <Problem why={sending.why.value} />}
      </dd>
    </>
  );
}
