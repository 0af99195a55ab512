// How a store came to be: each step with its time, as a list and as a picture.
import { duration, ms, now } from "../clock";
import { Step_State, Store_State, type Step, type Store } from "../contract";
import { Icon } from "../ui/icon";
import { Card } from "../ui/parts";
import { STEP_STATES, STEPS, isKept, isResting } from "../words";

interface Span {
  step: Step;
  /** How long it has taken so far, in milliseconds. Absent: it has not begun. */
  took?: number;
  /** Where its bar begins, as a part of the whole. */
  from: number;
  width: number;
}

/** The bars follow each other: what a store did between two steps, such as a year of selling, is left out. */
function spansOf(steps: Step[], at: number): { spans: Span[]; whole: number } {
  const times = steps.map((step) => {
    const start = ms(step.startTime);
    return start === undefined ? undefined : Math.max(0, (ms(step.endTime) ?? at) - start);
  });
  const whole = times.reduce<number>((sum, time) => sum + (time ?? 0), 0);
  let from = 0;
  const spans = steps.map((step, index) => {
    const took = times[index];
    const width = whole ? (took ?? 0) / whole : 0;
    const span = { step, took, from, width };
    from += width;
    return span;
  });
  return { spans, whole };
}

function titleOf(state: Store_State): string {
  if (state === Store_State.DELETING) return "Removal";
  return isResting(state) || isKept(state) ? "How it is stopped" : "How it is made";
}

export function StepsCard({ store }: { store: Store }) {
  const { spans, whole } = spansOf(store.steps, now.value);
  const done = store.steps.filter((step) => step.state === Step_State.SUCCEEDED).length;
  const title = titleOf(store.state);
  return (
    <Card title={title} id="steps" aside={<span class="fine">{summaryOf(store, done, whole)}</span>}>
      <ol class="steps">
        {spans.map((span) => (
          <StepRow key={span.step.name} span={span} />
        ))}
      </ol>
    </Card>
  );
}

function summaryOf(store: Store, done: number, whole: number): string {
  const ready = ms(store.readyTime);
  const created = ms(store.createTime);
  if (ready !== undefined && created !== undefined) return `Ready ${duration(ready - created)} after it was asked for`;
  return `${done} of ${store.steps.length} done, ${duration(whole)} so far`;
}

function StepRow({ span: { step, took, from, width } }: { span: Span }) {
  const look = STEP_STATES[step.state] ?? STEP_STATES[Step_State.UNSPECIFIED];
  return (
    <li class={look.tone} aria-current={step.state === Step_State.RUNNING ? "step" : undefined}>
      <span class="sign">
        <Icon name={look.icon} spin={look.icon === "progress"} />
      </span>
      <span class="what">
        {STEPS[step.name] ?? step.name}
        <span class={look.tone === "good" ? "unseen" : "fine"}> {look.word}</span>
        {step.attempt > 1 && <span class="fine"> · attempt {step.attempt}</span>}
      </span>
      <span class="took">{took === undefined ? "" : duration(took)}</span>
      <svg class="bar" viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="track" width="1000" height="6" />
        {took !== undefined && <rect class="fill" x={from * 1000} width={Math.max(4, width * 1000)} height="6" />}
      </svg>
      {step.detail && <span class="detail">{step.detail}</span>}
    </li>
  );
}
