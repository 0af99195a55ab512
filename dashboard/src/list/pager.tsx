// The way to the other pages of a list.
import type { ComponentChildren } from "preact";
import { cameFromWithin } from "../route";
import { Icon } from "../ui/icon";
import { Link } from "../ui/parts";
import { FIRST, type Place } from "./place";

interface Props {
  place: Place;
  /** The token of the next page. Empty: this is the last one. */
  next: string;
  path(place: Place): string;
  /** What is on this page. */
  children: ComponentChildren;
}

export function Pager({ place, next, path, children }: Props) {
  const { page } = place;
  return (
    <nav class="pager" aria-label="Pages">
      <span>{children}</span>
      {page > 1 && <Link href={path(FIRST)}>First page</Link>}
      {page > 1 && cameFromWithin() && (
        <button type="button" onClick={() => history.back()}>
          <Icon name="back" />
          Previous
        </button>
      )}
      {next && (
        <Link href={path({ page: page + 1, after: next })} class="button">
          Next
          <Icon name="forth" />
        </Link>
      )}
    </nav>
  );
}
