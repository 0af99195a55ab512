// Pictures, where one looks rather than reads. Each says the same in words below it.
import { useEffect, useMemo } from "preact/hooks";
import { exact, now } from "../clock";
import { announce } from "../ui/announce";
import { Icon } from "../ui/icon";
import { PageTitle, Problem } from "../ui/parts";
import { CreationsCard } from "./creations";
import { creationOf, MOST, Trends } from "./model";
import { ProbesCard } from "./probes";
import { samples } from "./sampled";
import { StatesCard } from "./states";

export function TrendsPage() {
  const model = useMemo(() => new Trends(), []);
  useEffect(() => () => model.stop(), [model]);
  const read = model.read.value;
  const again = async () => {
    await model.load();
    if (!model.problem.peek()) announce("The pictures are drawn again");
  };
  return (
    <>
      <div class="title">
        <PageTitle title="Trends" />
        <button type="button" class="quiet" onClick={() => void again()}>
          <Icon name="again" />
          Read again
        </button>
      </div>
      {model.problem.value && <Problem why={model.problem.value} />}
      {read === undefined ? (
        !model.problem.value && (
          <p class="waiting" role="status">
            Reading the stores…
          </p>
        )
      ) : (
        <>
          <p class="lead">
            The newest {MOST} stores and those that sell badly now, as of {exact(read)}. This is read again every 30
            seconds.
          </p>
          <CreationsCard creations={model.newest.value.flatMap((store) => creationOf(store, read) ?? [])} />
          <StatesCard samples={samples.value} now={now.value} />
          <ProbesCard failing={model.failing.value} newest={model.newest.value} />
        </>
      )}
    </>
  );
}
