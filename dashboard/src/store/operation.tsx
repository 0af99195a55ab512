// The operation that is under way, or the last one: what it does, how it ended, and what can be done about it.
import { stores, UNARY } from "../api";
import { ms } from "../clock";
import { Operation_Kind, Operation_State, Store_State, type Operation, type Store } from "../contract";
import { explained, sentence } from "../refusal";
import { requestId } from "../request-id";
import { may } from "../session";
import { announce } from "../ui/announce";
import { Ago, Badge, Card, Outside, Problem } from "../ui/parts";
import { useSending } from "../ui/sending";
import { OPERATION_STATES, OPERATIONS, reasonName } from "../words";
import type { OneStore } from "./model";

interface Props {
  store: Store;
  model: OneStore;
}

export function OperationCard({ store, model }: Props) {
  const { operation } = store;
  if (!operation) return null;
  return (
    <Card title={OPERATIONS[operation.kind] ?? "Operation"} id="operation">
      <p>
        <Badge look={OPERATION_STATES[operation.state] ?? OPERATION_STATES[Operation_State.UNSPECIFIED]} />{" "}
        <Times operation={operation} />
      </p>
      <Releases operation={operation} />
      {operation.failure && (
        <p class="message">
          {sentence(operation.failure.message)}{" "}
          <span class="fine">
            <Outside href={explained(reasonName(operation.failure.reason))}>
              {reasonName(operation.failure.reason)}
            </Outside>
          </span>
        </p>
      )}
      {may("stores.update") && <Buttons store={store} model={model} operation={operation} />}
    </Card>
  );
}

function Times({ operation }: { operation: Operation }) {
  const ended = ms(operation.endTime);
  return (
    <span class="fine">
      asked for <Ago time={ms(operation.createTime)} />
      {ended !== undefined && (
        <>
          , ended <Ago time={ended} />
        </>
      )}
    </span>
  );
}

function Releases({ operation: { fromRelease, toRelease } }: { operation: Operation }) {
  if (!toRelease) return null;
  return (
    <p>
      From {fromRelease ? <code>{fromRelease}</code> : "what it was made from"} to <code>{toRelease}</code>
    </p>
  );
}

/** What RetryOperation begins again: an operation that left the store FAILED, or an update that came to nothing. */
export function isRetryable({ state, operation }: Store): boolean {
  const { UPDATE, RESIZE } = Operation_Kind;
  const { ROLLED_BACK, FAILED, CANCELLED } = Operation_State;
  const rests = [Store_State.READY, Store_State.DEGRADED, Store_State.SUSPENDED].includes(state);
  const failed = operation !== undefined && [ROLLED_BACK, FAILED, CANCELLED].includes(operation.state);
  return state === Store_State.FAILED || (rests && failed && [UPDATE, RESIZE].includes(operation.kind));
}

function Buttons({ store, model, operation }: Props & { operation: Operation }) {
  const sending = useSending();
  const cancel = async () => {
    const request = { id: store.id, operationId: operation.id, requestId: requestId() };
    const next = (await sending.send(() => stores.cancelOperation(request, UNARY)))?.store;
    if (!next) return;
    model.take(next);
    announce("The update is called off");
  };
  return (
    <>
      {operation.cancellable && operation.state !== Operation_State.ROLLING_BACK && (
        <button type="button" aria-disabled={sending.busy.value} onClick={() => void cancel()}>
          Call it off
        </button>
      )}
      {isRetryable(store) && <Retry store={store} model={model} />}
      {sending.why.value && <Problem why={sending.why.value} />}
    </>
  );
}

/** Begins the last operation again; that of a store that was never ready is its creation. */
export function Retry({ store, model }: Props) {
  const sending = useSending();
  const retry = async () => {
    const request = { id: store.id, requestId: requestId() };
    const next = (await sending.send(() => stores.retryOperation(request, UNARY)))?.store;
    if (!next) return;
    model.take(next);
    announce("It is tried again");
  };
  return (
    <>
      <button type="button" aria-disabled={sending.busy.value} onClick={() => void retry()}>
        Try again
      </button>
      {sending.why.value && <Problem why={sending.why.value} />}
    </>
  );
}
