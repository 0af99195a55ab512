// Changes the name and the limits of a tenant.
import { create, toBinary } from "@bufbuild/protobuf";
import { useMemo, useState } from "preact/hooks";
import { tenants, UNARY } from "../api";
import { TenantServiceUpdateRequestSchema, type Tenant } from "../contract";
import { RequestIds } from "../request-id";
import { announce } from "../ui/announce";
import { Card } from "../ui/parts";
import { useSending } from "../ui/sending";
import { TenantForm, type Draft } from "./form";
import { limitsOf, textsOf } from "./limits";
import type { OneTenant } from "./model";

const draftOf = (tenant: Tenant): Draft => ({ display_name: tenant.displayName, ...textsOf(tenant.limits) });

export function ChangeCard({ tenant, model }: { tenant: Tenant; model: OneTenant }) {
  const sending = useSending();
  const ids = useMemo(() => new RequestIds(), []);
  const [draft, setDraft] = useState<Draft>(() => draftOf(tenant));
  const [saved, setSaved] = useState(false);
  const change = (to: Draft) => {
    setDraft(to);
    setSaved(false);
  };
  const send = async () => {
    const request = create(TenantServiceUpdateRequestSchema, {
      id: tenant.id,
      displayName: draft["display_name"]?.trim() ?? "",
      limits: limitsOf(draft),
    });
    const requestId = ids.idOf(toBinary(TenantServiceUpdateRequestSchema, request));
    const answer = await sending.send(() => tenants.update({ ...request, requestId }, UNARY));
    if (!answer?.tenant) return;
    ids.done();
    model.tenant.value = answer.tenant;
    setDraft(draftOf(answer.tenant));
    setSaved(true);
    announce("The change is saved");
  };
  return (
    <Card title="Name and limits" id="change">
      <TenantForm
        draft={draft}
        isNew={false}
        sending={sending}
        submit={["Save", "Saving…"]}
        onChange={change}
        onSubmit={() => void send()}
        aside={saved && <span class="saved">Saved</span>}
      />
    </Card>
  );
}
