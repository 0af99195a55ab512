// Says changes to screen readers, a batch at a time and never in the middle of a word.
import { signal } from "@preact/signals";

const BATCH = 500;
/** More than these at once are counted, not read out. */
const MOST = 3;

const spoken = signal("");
let waiting: string[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;

/** `first`: before what else is said in the same batch, such as what a store has become before how it came to it. */
export function announce(text: string, first = false): void {
  if (first) waiting.unshift(text);
  else waiting.push(text);
  timer ??= setTimeout(() => {
    const rest = waiting.length - MOST;
    spoken.value = waiting.slice(0, MOST).join(". ") + (rest > 0 ? `, and ${rest} more changes` : "");
    waiting = [];
    timer = undefined;
  }, BATCH);
}

export const Announcer = () => (
  <div class="unseen" aria-live="polite" aria-atomic="true" data-testid="announcer">
    {spoken.value}
  </div>
);
