// A list that is read page by page: what it shows while it waits, when it is refused, and when it is empty.
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { announce } from "../ui/announce";
import { Icon } from "../ui/icon";
import { Faults } from "../ui/faults";
import { Problem } from "../ui/parts";
import { Paged, type Page } from "./paged";
import { Pager } from "./pager";
import type { Place } from "./place";

/** Reads a page again whenever `key` is another one. What was shown stays until there is something newer. */
export function usePaged<T>(key: string, read: () => Promise<Page<T>>, onLost: () => void): Paged<T> {
  const before = useRef<Paged<T> | undefined>(undefined);
  const lost = () => {
    announce("The page is not there any more. This is the first one");
    onLost();
  };
  const paged = useMemo(() => (before.current = new Paged(read, lost, before.current)), [key]);
  useEffect(() => () => paged.stop(), [paged]);
  return paged;
}

interface Props<T> {
  paged: Paged<T>;
  /** What is listed, such as "tokens". */
  what: string;
  place: Place;
  path(place: Place): string;
  /** In the place of a table without rows. `more`: there are pages after this one. */
  empty(more: boolean): ComponentChildren;
  children(items: T[]): ComponentChildren;
}

export function List<T>({ paged, what, place, path, empty, children }: Props<T>) {
  const page = paged.page.value;
  const why = paged.problem.value;
  return (
    <>
      {why && (
        <Problem why={why}>
          <Faults faults={why.faults} />
        </Problem>
      )}
      {!page && !why && (
        <p class="waiting" role="status">
          Reading the {what}…
        </p>
      )}
      {page && (
        <>
          <div aria-busy={paged.busy.value} class={paged.busy.value ? "rereading" : undefined}>
            {page.items.length ? children(page.items) : <div class="empty">{empty(page.next !== "")}</div>}
          </div>
          {(page.next || place.page > 1) && (
            <Pager place={place} next={page.next} path={path}>
              Page {place.page.toLocaleString()}
            </Pager>
          )}
        </>
      )}
    </>
  );
}

/** Reads the list again: it does not change by itself. */
export function ReadAgain({ paged, what }: { paged: Paged<unknown>; what: string }) {
  const click = async () => {
    await paged.load();
    if (!paged.problem.peek()) announce(`The ${what} are read again`);
  };
  return (
    <button type="button" class="quiet" onClick={() => void click()}>
      <Icon name="again" />
      Read again
    </button>
  );
}
