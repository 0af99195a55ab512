// The way back from the issuer.
import { refusalOf } from "../refusal";
import { go } from "../route";
import { begin, logIn, session } from "../session";
import { exchange, RETURN, takePending } from "./oidc";

export const isReturn = (): boolean => location.pathname === RETURN && /[?&](code|error)=/.test(location.search);

/** Logs in with what the issuer has sent, and goes to where the reader was. The code does not stay in the address. */
export async function comeBack(): Promise<void> {
  const answer = new URLSearchParams(location.search);
  const pending = takePending();
  go(pending?.back ?? "/", true);
  // An answer that this tab has not asked for changes nothing.
  if (!pending) return begin();
  try {
    const why = await logIn(await exchange(pending, answer), true);
    if (why) session.value = { is: "out", why };
  } catch (error) {
    session.value = { is: "out", why: refusalOf(error) };
  }
}
