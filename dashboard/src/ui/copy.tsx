// Copies a text. A page without TLS has no clipboard of its own, so that a selection is copied there.
import { useState } from "preact/hooks";
import { announce } from "./announce";
import { Icon } from "./icon";

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text);
  }
}

function copySelection(text: string): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  // Within an open dialog nothing outside of it can be selected.
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  const before = document.activeElement;
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}

export function CopyButton({ text, what }: { text: string; what: string }) {
  const [done, setDone] = useState<boolean>();
  const click = async () => {
    const copied = await copy(text);
    setDone(copied);
    announce(copied ? `${what} is copied` : `${what} could not be copied`);
    setTimeout(() => setDone(undefined), 2000);
  };
  return (
    <button type="button" class="quiet small copy" aria-label={`Copy ${what}`} title={`Copy ${what}`} onClick={click}>
      <Icon name={done ? "check" : done === false ? "cross" : "copy"} />
    </button>
  );
}
