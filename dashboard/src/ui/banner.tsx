// Says when what is shown may be old. A page is never silently out of date.
import { timeOfDay } from "../clock";
import type { Follower } from "../live";
import { Icon } from "./icon";
import { Problem } from "./parts";

export function LiveBanner({ follower }: { follower: Follower | undefined }) {
  const state = follower?.state.value;
  if (state?.is === "refused") return <Problem why={state.why} />;
  if (state?.is !== "lost") return null;
  return (
    <div class="notice warn" role="alert">
      <Icon name="offline" />
      <div>
        <p>
          <strong>Not live since {timeOfDay(state.since)}.</strong> {state.why} What you see may be old. Reconnecting…
        </p>
      </div>
      <button type="button" class="small" onClick={() => follower?.retry()}>
        Try now
      </button>
    </div>
  );
}

/** Beside a heading: whether changes arrive. */
export function LiveDot({ follower }: { follower: Follower | undefined }) {
  const live = follower?.state.value.is === "live";
  return <span class={live ? "live on" : "live"}>{live ? "live" : "not live"}</span>;
}
