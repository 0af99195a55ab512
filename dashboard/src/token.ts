// The token that the caller has given: in the memory of this tab, and over a reload if the caller agrees.
import { signal } from "@preact/signals";

const KEY = "sendstores.token";

export const token = signal<string | null>(kept());

function kept(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Whether the text can be a token at all. What a header cannot carry is none. */
export const canBeToken = (text: string): boolean => /^[\x21-\x7e]{1,8000}$/.test(text);

/** Uses a token from now on. `keep`: also after a reload of this tab. */
export function setToken(text: string | null, keep: boolean): void {
  try {
    if (text !== null && keep) sessionStorage.setItem(KEY, text);
    else sessionStorage.removeItem(KEY);
  } catch {
    // A browser that keeps nothing has it in memory all the same.
  }
  token.value = text;
}
