// The focus is never lost: when the element that has it is removed, the page's heading gets it, and the reader goes on there.

/** Where the reader goes on: in the dialog that is open, or at the heading. */
const nextPlace = (): HTMLElement | null =>
  document.querySelector<HTMLElement>("dialog[open]") ??
  document.querySelector<HTMLElement>("h1") ??
  document.getElementById("main");

/** Begins to look after the focus, for as long as the page is open. */
export function keepFocus(): void {
  let last: Element | undefined;
  const isNowhere = () => document.activeElement === null || document.activeElement === document.body;
  document.addEventListener("focusin", ({ target }) => {
    last = target instanceof Element ? target : undefined;
  });
  document.addEventListener("focusout", () =>
    // A click beside it takes the focus away from an element that stays: that is the reader's wish. A button that is
    // disabled loses it without one.
    queueMicrotask(() => {
      const left = last?.isConnected && !last.matches(":disabled");
      if (left && document.hasFocus() && isNowhere()) last = undefined;
    }),
  );
  // A change can remove the element at any time later than the act that led to it, such as when the stream brings it.
  new MutationObserver(() => {
    if (!last || last.isConnected || !isNowhere()) return;
    last = undefined;
    nextPlace()?.focus({ preventScroll: true });
  }).observe(document.body, { childList: true, subtree: true });
}
