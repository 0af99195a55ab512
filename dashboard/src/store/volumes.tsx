// How large the volumes of a store are to be, and the form that lets them grow.
import { useState } from "preact/hooks";
import { stores, UNARY } from "../api";
import { Store_State, type Store, type Volumes } from "../contract";
import { gibOf } from "../create/fields";
import { requestId } from "../request-id";
import { may } from "../session";
import { announce } from "../ui/announce";
import { Dialog } from "../ui/dialog";
import { Form } from "../ui/form";
import { useSending } from "../ui/sending";
import { TextField, type Field } from "../ui/text-field";
import type { OneStore } from "./model";

interface Props {
  store: Store;
  model: OneStore;
}

const HINT = "In GiB. Empty: it stays as it is.";
const DATABASE: Field = { path: "spec.volumes.database_gib", label: "Database", hint: HINT, inputMode: "numeric" };
const CONTENT: Field = { path: "spec.volumes.content_gib", label: "Uploads", hint: HINT, inputMode: "numeric" };
const FIELDS = [DATABASE, CONTENT];

export function VolumesFact({ store, model }: Props) {
  const [open, setOpen] = useState(false);
  const grows = store.state === Store_State.READY || store.state === Store_State.DEGRADED;
  return (
    <>
      <dt>Volumes</dt>
      <dd>
        {sizes(store.spec?.volumes)}{" "}
        {may("stores.update") && grows && (
          <button type="button" class="quiet" onClick={() => setOpen(true)}>
            Enlarge
          </button>
        )}
        {open && grows && <GrowDialog store={store} model={model} onClose={() => setOpen(false)} />}
      </dd>
    </>
  );
}

/** What was asked for. The sizes of the release are not part of a store. */
function sizes(volumes: Volumes | undefined): string {
  const size = (gib: number | undefined) => (gib ? `${gib} GiB` : "as the release has it");
  return `database ${size(volumes?.databaseGib)}, uploads ${size(volumes?.contentGib)}`;
}

function GrowDialog({ store, model, onClose }: Props & { onClose(): void }) {
  const sending = useSending();
  const [texts, setTexts] = useState<Record<string, string>>({});
  const gib = ({ path }: Field) => gibOf((texts[path] ?? "").trim());
  const grow = async () => {
    const request = {
      id: store.id,
      requestId: requestId(),
      spec: { volumes: { databaseGib: gib(DATABASE), contentGib: gib(CONTENT) } },
      updateMask: { paths: ["spec.volumes"] },
    };
    const answer = await sending.send(() => stores.update(request, UNARY));
    if (!answer) return;
    if (answer.store) model.take(answer.store);
    announce(`The volumes of ${store.id} grow`);
    onClose();
  };
  return (
    <Dialog title={`Enlarge the volumes of ${store.id}?`} onClose={onClose}>
      <p>The shop sells meanwhile. A volume never becomes smaller again.</p>
      <Form
        sending={sending}
        shows={(path) => FIELDS.some((field) => field.path === path)}
        submit={["Enlarge them", "Asking…"]}
        onSubmit={() => void grow()}
        aside={
          <button type="button" onClick={onClose}>
            Leave them as they are
          </button>
        }
      >
        {FIELDS.map((field) => (
          <TextField
            key={field.path}
            field={field}
            text={texts[field.path] ?? ""}
            fault={sending.faultOf(field.path)}
            onInput={(text) => setTexts({ ...texts, [field.path]: text })}
          />
        ))}
      </Form>
    </Dialog>
  );
}
