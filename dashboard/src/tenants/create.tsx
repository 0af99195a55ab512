// A new tenant.
import { create, toBinary } from "@bufbuild/protobuf";
import { useMemo, useState } from "preact/hooks";
import { tenants, UNARY } from "../api";
import { TenantServiceCreateRequestSchema } from "../contract";
import { RequestIds } from "../request-id";
import { go, tenantPath } from "../route";
import { may } from "../session";
import { Icon } from "../ui/icon";
import { Forbidden, Link, PageTitle } from "../ui/parts";
import { useSending } from "../ui/sending";
import { TenantForm, type Draft } from "./form";
import { limitsOf } from "./limits";

const TITLE = "Declare a tenant";

export function CreateTenantPage() {
  return may("tenants.manage") ? <CreateTenant /> : <Forbidden title={TITLE} cannot="manage tenants" />;
}

function CreateTenant() {
  const sending = useSending();
  const ids = useMemo(() => new RequestIds(), []);
  const [draft, setDraft] = useState<Draft>({});
  const send = async () => {
    const text = (path: string) => draft[path]?.trim() ?? "";
    const request = create(TenantServiceCreateRequestSchema, {
      id: text("id"),
      displayName: text("display_name"),
      limits: limitsOf(draft),
    });
    const requestId = ids.idOf(toBinary(TenantServiceCreateRequestSchema, request));
    const answer = await sending.send(() => tenants.create({ ...request, requestId }, UNARY));
    if (answer?.tenant) go(tenantPath(answer.tenant.id));
  };
  return (
    <div class="create">
      <p class="crumbs">
        <Link href="/tenants">
          <Icon name="back" />
          Tenants
        </Link>
      </p>
      <PageTitle title={TITLE} />
      <p>Stores that name its id already belong to it.</p>
      <div class="card">
        <TenantForm
          draft={draft}
          isNew
          sending={sending}
          submit={["Declare it", "Declaring…"]}
          onChange={setDraft}
          onSubmit={() => void send()}
          aside={
            <Link href="/tenants" class="button">
              Cancel
            </Link>
          }
        />
      </div>
    </div>
  );
}
