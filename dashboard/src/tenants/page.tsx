// One tenant: what it has, and what it may have.
import { useEffect, useMemo, useState } from "preact/hooks";
import { auditPath } from "../audit/query";
import { exact, ms } from "../clock";
import type { Tenant } from "../contract";
import { fleetPath } from "../route";
import { may } from "../session";
import { Icon } from "../ui/icon";
import { Card, Forbidden, Link, Notice, PageTitle, Problem } from "../ui/parts";
import { ChangeCard } from "./change";
import { DeleteTenant } from "./delete";
import { OneTenant } from "./model";
import { StoresOf } from "./stores-of";

export function TenantPage({ id }: { id: string }) {
  if (!may("tenants.manage")) return <Forbidden title={id} cannot="manage tenants" />;
  return <Loaded id={id} />;
}

function Loaded({ id }: { id: string }) {
  const model = useMemo(() => new OneTenant(id), [id]);
  useEffect(() => () => model.stop(), [model]);
  const tenant = model.tenant.value;
  return (
    <>
      <p class="crumbs">
        <Link href="/tenants">
          <Icon name="back" />
          Tenants
        </Link>
      </p>
      {tenant ? <Shown tenant={tenant} model={model} /> : <Missing model={model} />}
    </>
  );
}

function Missing({ model }: { model: OneTenant }) {
  const why = model.problem.value;
  const unknown = why?.reason === "TENANT_NOT_FOUND";
  return (
    <>
      <PageTitle title={model.id} />
      {!why && (
        <p class="waiting" role="status">
          Reading the tenant…
        </p>
      )}
      {why && !unknown && <Problem why={why} />}
      {unknown && (
        <Notice tone="idle" icon="question">
          <p>
            No tenant of this id is declared. Stores can name it all the same:{" "}
            <Link href={fleetPath({ tenant: model.id })}>see its stores</Link>.
          </p>
        </Notice>
      )}
    </>
  );
}

function Shown({ tenant, model }: { tenant: Tenant; model: OneTenant }) {
  const [deleted, setDeleted] = useState(false);
  if (deleted) return <Deleted tenant={tenant} />;
  return (
    <>
      <div class="title">
        <div class="name">
          <PageTitle title={tenant.displayName || tenant.id} />
          <p class="under">
            <code>{tenant.id}</code>
          </p>
        </div>
        <div class="actions">
          <DeleteTenant tenant={tenant} onDeleted={() => setDeleted(true)} />
        </div>
      </div>
      {model.problem.value && <Problem why={model.problem.value} />}
      <div class="columns">
        <ChangeCard tenant={tenant} model={model} />
        <FactsCard tenant={tenant} />
      </div>
    </>
  );
}

function Deleted({ tenant }: { tenant: Tenant }) {
  return (
    <>
      <PageTitle title={tenant.displayName || tenant.id} />
      <Notice tone="gone" icon="trash">
        <p>
          <strong>This tenant is not declared any more.</strong> Its tokens stay valid: revoke them on the page of{" "}
          <Link href="/tokens">tokens</Link>.
        </p>
      </Notice>
    </>
  );
}

function FactsCard({ tenant }: { tenant: Tenant }) {
  const time = (at: Tenant["createTime"]) => (at ? exact(ms(at) ?? 0) : "–");
  return (
    <Card title="The tenant" id="facts">
      <dl class="facts">
        <dt>Stores</dt>
        <dd>
          <StoresOf tenant={tenant} />
        </dd>
        <dt>Declared</dt>
        <dd>{time(tenant.createTime)}</dd>
        <dt>Changed</dt>
        <dd>{time(tenant.updateTime)}</dd>
        <dt>UID</dt>
        <dd>
          <code>{tenant.uid}</code>
        </dd>
      </dl>
      <p class="links">
        <Link href={fleetPath({ tenant: tenant.id })}>Its stores</Link>
        <Link href={auditPath({ tenant: tenant.id })}>Its entries in the audit</Link>
      </p>
    </Card>
  );
}
