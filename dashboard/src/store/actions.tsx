// What can be done to a store: only what its state allows, and the reader may.
import { useState } from "preact/hooks";
import { stores, UNARY } from "../api";
import { Store_State, type Store } from "../contract";
import { requestId } from "../request-id";
import { may } from "../session";
import { announce } from "../ui/announce";
import { Confirm } from "../ui/confirm";
import { Icon } from "../ui/icon";
import { Outside, Problem } from "../ui/parts";
import { useSending } from "../ui/sending";
import { isKept, isResting } from "../words";
import { CredentialsDialog } from "./credentials";
import { DeleteDialog } from "./delete";
import type { OneStore } from "./model";
import { isRetryable, Retry } from "./operation";
import { UpdateDialog } from "./update";

interface Props {
  store: Store;
  model: OneStore;
}

export function Actions({ store, model }: Props) {
  const [open, setOpen] = useState<"credentials" | "update" | "suspend" | "delete">();
  const close = () => setOpen(undefined);
  const going = store.state === Store_State.DELETING || isKept(store.state);
  const sells = store.state === Store_State.READY || store.state === Store_State.DEGRADED;
  const updates = model.updates.value;
  const updatable = may("stores.update") && sells && updates.length > 0;
  // What is kept can be removed before its time.
  const removable = may("stores.delete") && store.state !== Store_State.DELETING && !store.spec?.deletionProtection;
  return (
    <div class="actions">
      {store.readyTime && !going && !isResting(store.state) && (
        <Outside href={store.url} class="button primary">
          Open the shop
        </Outside>
      )}
      {may("credentials.read") && !going && (
        <button type="button" onClick={() => setOpen("credentials")}>
          <Icon name="key" />
          Credentials
        </button>
      )}
      {updatable && (
        <button type="button" onClick={() => setOpen("update")}>
          Update
        </button>
      )}
      {may("stores.update") && isRetryable(store) && !store.operation && <Retry store={store} model={model} />}
      {may("stores.update") && sells && (
        <button type="button" onClick={() => setOpen("suspend")}>
          <Icon name="pause" />
          Suspend
        </button>
      )}
      {may("stores.update") && (isResting(store.state) || isKept(store.state)) && <Back store={store} model={model} />}
      {removable && (
        <button type="button" class="danger" onClick={() => setOpen("delete")}>
          <Icon name="trash" />
          {isKept(store.state) ? "Remove now" : "Delete"}
        </button>
      )}
      {open === "credentials" && !going && <CredentialsDialog id={store.id} onClose={close} />}
      {open === "update" && updatable && <UpdateDialog store={store} model={model} updates={updates} onClose={close} />}
      {open === "suspend" && sells && <SuspendDialog store={store} model={model} onClose={close} />}
      {open === "delete" && removable && <DeleteDialog model={model} onClose={close} />}
    </div>
  );
}

/** Brings a store back that rests, or that is deleted and kept. */
function Back({ store, model }: Props) {
  const sending = useSending();
  const kept = isKept(store.state);
  const back = async () => {
    const request = { id: store.id, requestId: requestId() };
    const call = async () => (kept ? await stores.undelete(request, UNARY) : await stores.resume(request, UNARY)).store;
    const next = await sending.send(call);
    if (!next) return;
    model.take(next);
    announce(`${store.id} is on its way back`);
  };
  return (
    <>
      <button type="button" class="primary" aria-disabled={sending.busy.value} onClick={() => void back()}>
        {kept ? "Undelete" : "Resume"}
      </button>
      {sending.why.value && <Problem why={sending.why.value} />}
    </>
  );
}

function SuspendDialog({ store, model, onClose }: Props & { onClose(): void }) {
  const sending = useSending();
  const suspend = async () => {
    const answer = await sending.send(() => stores.suspend({ id: store.id, requestId: requestId() }, UNARY));
    if (!answer) return;
    if (answer.store) model.take(answer.store);
    announce(`${store.id} is being suspended`);
    onClose();
  };
  return (
    <Confirm
      title={`Suspend ${store.id}?`}
      sending={sending}
      act={["Suspend it", "Suspending…"]}
      keep="Keep it open"
      onConfirm={() => void suspend()}
      onClose={onClose}
    >
      <p>
        Visitors do not reach the shop any more, its scheduled jobs rest, and its pods stop. Products, orders, passwords
        and the address are kept: “Resume” brings it back.
      </p>
    </Confirm>
  );
}
