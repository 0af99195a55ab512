// Why the store is stuck, and the one thing to do about it.
import { duration, exact, ms, now, timeOfDay } from "../clock";
import { Store_State, type Diagnosis, type Failure, type Store } from "../contract";
import { explained, sentence } from "../refusal";
import { Icon } from "../ui/icon";
import { Outside } from "../ui/parts";
import { reasonName, reasonWords, STEPS } from "../words";

export function Trouble({ store, failure }: { store: Store; failure: Failure }) {
  const over = store.state === Store_State.FAILED;
  return (
    <section class={`card trouble ${over ? "bad" : "warn"}`} aria-labelledby="trouble">
      <header>
        <Icon name={over ? "cross" : "warning"} />
        <h2 id="trouble">{reasonWords(failure.reason)}</h2>
        <span class="fine">
          <Outside href={explained(reasonName(failure.reason))}>{reasonName(failure.reason)}</Outside>
        </span>
      </header>
      <p class="message">{sentence(failure.message)}</p>
      <div class="todo">
        <h3>What to do</h3>
        <p>
          {failure.suggestion ||
            (failure.retryTime
              ? "Nothing yet: the server tries again by itself."
              : "The explanation of the reason says what an operator can do.")}
        </p>
      </div>
      <p class="fine">
        {failure.step && (
          <>
            In the step “{STEPS[failure.step] ?? failure.step}”, attempt {failure.attempt}.{" "}
          </>
        )}
        <Retry failure={failure} />
      </p>
      {failure.diagnosis && <Found diagnosis={failure.diagnosis} />}
    </section>
  );
}

function Retry({ failure }: { failure: Failure }) {
  const at = ms(failure.retryTime);
  if (at === undefined) return <>The server does not try again by itself.</>;
  const left = at - now.value;
  if (left < 1000) return <>The server tries again now.</>;
  return (
    <>
      The server tries again in{" "}
      <time dateTime={new Date(at).toISOString()}>{duration(Math.ceil(left / 1000) * 1000).replace(".0", "")}</time>.
    </>
  );
}

/** What the cluster reports. It is the text of others: shown as it is, and never as anything but text. */
function Found({ diagnosis }: { diagnosis: Diagnosis }) {
  return (
    <div class="found">
      {diagnosis.object && (
        <p>
          Held up by <code>{diagnosis.object}</code>
        </p>
      )}
      {diagnosis.events.length > 0 && (
        <ul class="events" aria-label="Events of the object">
          {diagnosis.events.map((event, at) => {
            const time = ms(event.time);
            return (
              <li key={at}>
                {time !== undefined && (
                  <time dateTime={new Date(time).toISOString()} title={exact(time)}>
                    {timeOfDay(time)}
                  </time>
                )}
                <b>{event.reason}</b>
                <span>{event.message}</span>
              </li>
            );
          })}
        </ul>
      )}
      {diagnosis.logTail && (
        <>
          <h3 id="log">The end of its log</h3>
          <pre tabIndex={0} aria-labelledby="log">
            {diagnosis.logTail}
          </pre>
        </>
      )}
    </div>
  );
}
