// Removes the declaration of a tenant that has no stores.
import { useMemo, useState } from "preact/hooks";
import { tenants, UNARY } from "../api";
import type { Tenant } from "../contract";
import { requestId } from "../request-id";
import { announce } from "../ui/announce";
import { Confirm } from "../ui/confirm";
import { Icon } from "../ui/icon";
import { useSending } from "../ui/sending";

export function DeleteTenant({ tenant, onDeleted }: { tenant: Tenant; onDeleted(): void }) {
  const [open, setOpen] = useState(false);
  const stores = Number(tenant.used?.stores ?? 0n);
  if (stores > 0) return <p class="fine">It can be deleted when it has no stores.</p>;
  return (
    <>
      <button type="button" class="danger" onClick={() => setOpen(true)}>
        <Icon name="trash" />
        Delete
      </button>
      {open && <DeleteDialog tenant={tenant} onDeleted={onDeleted} onClose={() => setOpen(false)} />}
    </>
  );
}

interface Props {
  tenant: Tenant;
  onDeleted(): void;
  onClose(): void;
}

function DeleteDialog({ tenant: { id }, onDeleted, onClose }: Props) {
  const sending = useSending();
  // One request, however often it is sent: after a lost response the tenant may be gone already.
  const request = useMemo(() => ({ id, requestId: requestId() }), [id]);
  const remove = async () => {
    const answer = await sending.send(() => tenants.delete(request, UNARY));
    if (!answer) return;
    announce("The tenant is deleted");
    onClose();
    onDeleted();
  };
  return (
    <Confirm
      title={`Delete the tenant ${id}?`}
      sending={sending}
      act={["Delete it", "Deleting…"]}
      keep="Keep it"
      onConfirm={() => void remove()}
      onClose={onClose}
    >
      <p>
        Its limits go with it. Its tokens stay valid, and stores can name it again unless the server is closed to that.
      </p>
    </Confirm>
  );
}
