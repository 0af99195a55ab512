// Who the reader is to the server. What it may not do is not drawn.
import { computed, signal } from "@preact/signals";
import { Code } from "@connectrpc/connect";
import { account, UNARY } from "./api";
import type { Principal } from "./contract";
import { Refusal, refusalOf } from "./refusal";
import { canBeToken, setToken, token } from "./token";

export type Session =
  | { is: "starting" }
  /** Logged out. `why`: the token that was kept does not work. */
  | { is: "out"; why?: Refusal }
  /** The server cannot be asked. */
  | { is: "unknown"; why: Refusal }
  | { is: "in"; principal: Principal }
  /** The token has ended under the page, which stays. */
  | { is: "expired"; principal: Principal; why: Refusal };

export const session = signal<Session>({ is: "starting" });

export const principal = computed<Principal | undefined>(() =>
  session.value.is === "in" || session.value.is === "expired" ? session.value.principal : undefined,
);

/** Whether the reader has a permission, such as "stores.create". */
export const may = (permission: string): boolean => principal.value?.permissions.includes(permission) ?? false;

async function ask(): Promise<Principal> {
  const answer = await account.getPrincipal({}, UNARY);
  if (!answer.principal) throw new Refusal(Code.Internal, "INTERNAL", "The server did not say who you are.");
  return answer.principal;
}

/** Asks with the token that is kept, or with none: a server may take every caller. */
export async function begin(): Promise<void> {
  try {
    session.value = { is: "in", principal: await ask() };
  } catch (error) {
    const why = refusalOf(error);
    if (why.passes) session.value = { is: "unknown", why };
    else session.value = { is: "out", why: why.reason === "TOKEN_MISSING" ? undefined : why };
  }
}

/** Logs in, or says why not. The token before stays in use until the new one is known to work. */
export async function logIn(text: string, keep: boolean): Promise<Refusal | undefined> {
  const given = text.trim().replace(/^Bearer\s+/i, "");
  if (!canBeToken(given))
    return new Refusal(Code.InvalidArgument, "", "A token is one line of letters, digits and signs.");
  const before = token.value;
  token.value = given;
  try {
    const principal = await ask();
    setToken(given, keep);
    session.value = { is: "in", principal };
    return undefined;
  } catch (error) {
    token.value = before;
    return refusalOf(error);
  }
}

export function logOut(): void {
  setToken(null, false);
  session.value = { is: "out" };
}

/** Notes a refusal that another token could lift. The page stays, with the login over it. */
export function noteRefusal(why: Refusal): void {
  if (why.needsLogin && session.value.is === "in") session.value = { ...session.value, is: "expired", why };
}
