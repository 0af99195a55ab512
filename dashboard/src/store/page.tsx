// Everything about one store.
import { useEffect, useMemo, useState } from "preact/hooks";
import { ms } from "../clock";
import { Store_State, type Store } from "../contract";
import { may } from "../session";
import { LiveBanner, LiveDot } from "../ui/banner";
import { CopyButton } from "../ui/copy";
import { Icon } from "../ui/icon";
import { Ago, Link, Notice, Outside, PageTitle, Problem, StateBadge } from "../ui/parts";
import { CredentialsDialog } from "./credentials";
import { DeleteDialog } from "./delete";
import { EvidenceCard } from "./evidence";
import { FactsCard } from "./facts";
import { HistoryCard } from "./history";
import { OneStore } from "./model";
import { SettingsCard } from "./settings";
import { StepsCard } from "./steps";
import { Trouble } from "./trouble";

export function StorePage({ id }: { id: string }) {
  const model = useMemo(() => new OneStore(id), [id]);
  useEffect(() => () => model.stop(), [model]);
  const store = model.store.value;
  return (
    <>
      <p class="crumbs">
        <Link href="/">
          <Icon name="back" />
          Stores
        </Link>
      </p>
      <LiveBanner follower={model.follower.value} />
      {store ? <Shown store={store} model={model} /> : <Missing model={model} />}
    </>
  );
}

function Missing({ model }: { model: OneStore }) {
  const why = model.problem.value;
  const unknown = why?.reason === "STORE_NOT_FOUND";
  return (
    <>
      <PageTitle title={model.id} />
      {!why && (
        <p class="waiting" role="status">
          Reading the store…
        </p>
      )}
      {why && !unknown && <Problem why={why} />}
      {unknown && (
        <Notice tone="idle" icon="question">
          <p>
            There is no store of this name. It was never created, it is deleted, or it belongs to a tenant that is not
            yours.
          </p>
        </Notice>
      )}
    </>
  );
}

function Shown({ store, model }: { store: Store; model: OneStore }) {
  const deleted = store.state === Store_State.DELETED || model.gone.value;
  return (
    <>
      <div class="title">
        <div class="name">
          <div class="title">
            <PageTitle title={store.spec?.shop?.title || store.id} />
            <StateBadge state={model.gone.value ? Store_State.DELETED : store.state} />
            <LiveDot follower={model.follower.value} />
          </div>
          <p class="under">
            <code>{store.id}</code>
            <CopyButton text={store.id} what="the id" />
          </p>
        </div>
        {!deleted && <Actions store={store} model={model} />}
      </div>
      {model.problem.value && <Problem why={model.problem.value} />}
      {deleted && <Deleted store={store} />}
      {!deleted && store.failure && <Trouble store={store} failure={store.failure} />}
      <div class="columns">
        <div>
          <StepsCard store={store} />
          {store.evidence.length > 0 && <EvidenceCard evidence={store.evidence} />}
          <HistoryCard history={store.history} />
        </div>
        <div>
          <FactsCard store={store} />
          {store.spec?.shop && <SettingsCard shop={store.spec.shop} />}
        </div>
      </div>
    </>
  );
}

function Deleted({ store }: { store: Store }) {
  return (
    <Notice tone="gone" icon="trash">
      <p>
        <strong>This store is deleted.</strong> It and everything that it owned are removed
        {store.state === Store_State.DELETED && (
          <>
            , <Ago time={ms(store.updateTime)} />
          </>
        )}
        . Its id can be used again.
      </p>
    </Notice>
  );
}

function Actions({ store, model }: { store: Store; model: OneStore }) {
  const [open, setOpen] = useState<"credentials" | "delete">();
  const close = () => setOpen(undefined);
  const deleting = store.state === Store_State.DELETING;
  return (
    <div class="actions">
      {store.readyTime && !deleting && (
        <Outside href={store.url} class="button primary">
          Open the shop
        </Outside>
      )}
      {may("credentials.read") && !deleting && (
        <button type="button" onClick={() => setOpen("credentials")}>
          <Icon name="key" />
          Credentials
        </button>
      )}
      {may("stores.delete") && !deleting && (
        <button type="button" class="danger" onClick={() => setOpen("delete")}>
          <Icon name="trash" />
          Delete
        </button>
      )}
      {open === "credentials" && !deleting && <CredentialsDialog id={store.id} onClose={close} />}
      {open === "delete" && !deleting && <DeleteDialog model={model} onClose={close} />}
    </div>
  );
}
