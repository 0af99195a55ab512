// A dialog over the page: the browser keeps the focus in it, and Escape closes it.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  title: string;
  /** Absent: it cannot be closed, only answered. */
  onClose?: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: Props) {
  const box = useRef<HTMLDialogElement>(null);
  // At once, in both directions: a key that is pressed next belongs to what is shown now.
  useLayoutEffect(() => {
    const dialog = box.current;
    dialog?.showModal();
    // Closing gives the focus back to what had it. If that is gone, now or in a moment, focus.ts knows what to do.
    return () => dialog?.close();
  }, []);
  const cancel = (event: Event) => {
    event.preventDefault();
    onClose?.();
  };
  return (
    <dialog ref={box} tabIndex={-1} aria-labelledby="dialog-title" onCancel={cancel}>
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}
