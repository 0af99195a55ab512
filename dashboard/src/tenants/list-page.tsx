// The tenants that are declared, with what each may have and has.
import { tenants, UNARY } from "../api";
import type { Tenant } from "../contract";
import { List, ReadAgain, usePaged } from "../list/list";
import { parametersOf, placeOf, type Place } from "../list/place";
import { go, pathWith, tenantPath } from "../route";
import { may } from "../session";
import { Icon } from "../ui/icon";
import { Forbidden, Link, PageTitle } from "../ui/parts";
import { LIMITS } from "./limits";
import { StoresOf } from "./stores-of";

const PAGE_SIZE = 50;
const path = (place: Place) => pathWith("/tenants", parametersOf(place));

export function TenantsPage({ query }: { query: URLSearchParams }) {
  if (!may("tenants.manage")) return <Forbidden title="Tenants" cannot="manage tenants" />;
  return <Tenants place={placeOf(query)} />;
}

function Tenants({ place }: { place: Place }) {
  const read = async () => {
    const answer = await tenants.list({ pageSize: PAGE_SIZE, pageToken: place.after }, UNARY);
    return { items: answer.tenants, next: answer.nextPageToken };
  };
  const paged = usePaged(place.after, read, () => go("/tenants", true));
  return (
    <>
      <div class="title">
        <PageTitle title="Tenants" />
        <ReadAgain paged={paged} what="tenants" />
        <Link href="/new-tenant" class="button primary">
          <Icon name="plus" />
          Declare a tenant
        </Link>
      </div>
      <p class="lead">
        The owners of stores, with limits of their own. A store can name a tenant that is not declared, unless the
        operator has closed the server to these.
      </p>
      <List paged={paged} what="tenants" place={place} path={path} empty={() => <Empty place={place} />}>
        {(items) => <TenantTable tenants={items} />}
      </List>
    </>
  );
}

function Empty({ place }: { place: Place }) {
  return <p>{place.page > 1 ? "There are no more tenants." : "No tenant is declared yet."}</p>;
}

function TenantTable({ tenants }: { tenants: Tenant[] }) {
  const others = LIMITS.filter(({ name }) => name !== "stores");
  return (
    <table class="list tenants">
      <caption class="unseen">Tenants</caption>
      <thead>
        <tr>
          <th scope="col">Tenant</th>
          <th scope="col">Stores</th>
          {others.map(({ name, short }) => (
            <th key={name} scope="col" class="mid">
              {short}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {tenants.map((tenant) => (
          <tr key={tenant.id}>
            <th scope="row">
              <Link href={tenantPath(tenant.id)}>{tenant.displayName || tenant.id}</Link>
              <span class="under">
                <code>{tenant.id}</code>
              </span>
            </th>
            <td>
              <StoresOf tenant={tenant} />
            </td>
            {others.map(({ name }) => (
              <td key={name} class="mid">
                {tenant.limits?.[name]?.toLocaleString() ?? <span class="fine">as for all</span>}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
