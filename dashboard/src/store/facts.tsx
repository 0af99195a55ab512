// What identifies a store, and where it is.
import { exact, ms } from "../clock";
import { Engine, type Release, type Store } from "../contract";
import { fleetPath } from "../route";
import { CopyButton } from "../ui/copy";
import { Ago, Card, Link, Outside } from "../ui/parts";
import { words } from "../words";
import type { OneStore } from "./model";
import { Protection } from "./protection";
import { VolumesFact } from "./volumes";

/** What it is made from: the name of the release, and the versions in it. */
function releaseWords({ name, wordpressVersion, woocommerceVersion }: Release): string {
  const versions = [
    wordpressVersion && `WordPress ${wordpressVersion}`,
    woocommerceVersion && `WooCommerce ${woocommerceVersion}`,
  ];
  return [name || "without a name", ...versions].filter(Boolean).join(", ");
}

export function FactsCard({ store, model }: { store: Store; model: OneStore }) {
  const labels = Object.entries(store.labels).sort();
  return (
    <Card title="The store" id="facts">
      <dl class="facts">
        <dt>Address</dt>
        <dd>
          {store.readyTime ? <Outside href={store.url}>{store.url}</Outside> : store.url}{" "}
          <CopyButton text={store.url} what="the address" />
        </dd>
        <dt>Tenant</dt>
        <dd>{store.tenant ? <Link href={fleetPath({ tenant: store.tenant })}>{store.tenant}</Link> : "none"}</dd>
        {labels.length > 0 && (
          <>
            <dt>Labels</dt>
            <dd class="labels">
              {labels.map(([key, value]) => (
                <Link key={key} href={fleetPath({ label: `${key}=${value}` })} class="chip">
                  {key}={value}
                </Link>
              ))}
            </dd>
          </>
        )}
        <dt>Created</dt>
        <dd>
          <Ago time={ms(store.createTime)} />, {exact(ms(store.createTime) ?? 0)}
        </dd>
        {store.readyTime && (
          <>
            <dt>First ready</dt>
            <dd>{exact(ms(store.readyTime) ?? 0)}</dd>
          </>
        )}
        <Protection store={store} model={model} />
        <dt>Changed</dt>
        <dd>
          <Ago time={ms(store.updateTime)} />, revision {store.revision.toString()}
        </dd>
        <dt>Namespace</dt>
        <dd>
          <code>{store.id}</code>
        </dd>
        <dt>Engine</dt>
        <dd>{words(Engine[store.spec?.engine ?? 0] ?? "unspecified")}</dd>
        {store.release && (
          <>
            <dt>Release</dt>
            <dd>{releaseWords(store.release)}</dd>
          </>
        )}
        {(store.readyTime || store.spec?.volumes) && <VolumesFact store={store} model={model} />}
        <dt>UID</dt>
        <dd>
          <code>{store.uid}</code>
        </dd>
      </dl>
    </Card>
  );
}
