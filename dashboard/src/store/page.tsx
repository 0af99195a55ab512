// Everything about one store.
import { useEffect, useMemo } from "preact/hooks";
import { exact, ms } from "../clock";
import { Store_State, type Store } from "../contract";
import { LiveBanner, LiveDot } from "../ui/banner";
import { CopyButton } from "../ui/copy";
import { Icon } from "../ui/icon";
import { Ago, Link, Notice, PageTitle, Problem, StateBadge } from "../ui/parts";
import { Actions } from "./actions";
import { EvidenceCard } from "./evidence";
import { FactsCard } from "./facts";
import { HistoryCard } from "./history";
import { OneStore } from "./model";
import { OperationCard } from "./operation";
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
      {!deleted && store.purgeTime && <Kept store={store} />}
      {!deleted && store.failure && <Trouble store={store} failure={store.failure} />}
      <div class="columns">
        <div>
          {!deleted && <OperationCard store={store} model={model} />}
          <StepsCard store={store} />
          {store.evidence.length > 0 && <EvidenceCard evidence={store.evidence} />}
          <HistoryCard history={store.history} />
        </div>
        <div>
          <FactsCard store={store} model={model} />
          {store.spec?.shop && <SettingsCard shop={store.spec.shop} />}
        </div>
      </div>
    </>
  );
}

function Kept({ store }: { store: Store }) {
  return (
    <Notice tone="gone" icon="trash">
      <p>
        <strong>This store is deleted, and its data is kept</strong> until {exact(ms(store.purgeTime) ?? 0)}. Until then
        it can be brought back with its products, orders, passwords and address.
      </p>
    </Notice>
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
