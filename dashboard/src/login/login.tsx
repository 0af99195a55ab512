// Login by a token, as a page of its own or over the page whose token has ended.
import { useRef, useState } from "preact/hooks";
import type { Refusal } from "../refusal";
import { logIn, logOut } from "../session";
import { Dialog } from "../ui/dialog";
import { Outside, PageTitle, Problem } from "../ui/parts";
import { IssuerLogin } from "./issuer";

const TOKENS = "https://github.com/sendstores/sendstores/blob/main/docs/security.md#tokens";

export function LoginPage({ why }: { why?: Refusal }) {
  return (
    <div class="login">
      <PageTitle title="Log in" />
      <IssuerLogin />
      <LoginForm why={why} />
      <p class="fine">
        An administrator makes a token with <code>sendstores token create</code>, the first one with{" "}
        <code>sendstores-server token create</code>. <Outside href={TOKENS}>Tokens and roles</Outside>
      </p>
    </div>
  );
}

export function LoginOver({ why }: { why: Refusal }) {
  return (
    <Dialog title="Log in again">
      <IssuerLogin />
      <LoginForm why={why} />
      <button type="button" class="quiet" onClick={logOut}>
        Leave this page
      </button>
    </Dialog>
  );
}

function LoginForm({ why }: { why?: Refusal }) {
  const field = useRef<HTMLInputElement>(null);
  const [refused, setRefused] = useState<Refusal | undefined>(why);
  const [keep, setKeep] = useState(true);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    const text = field.current?.value ?? "";
    setBusy(true);
    const refusal = await logIn(text, keep);
    setBusy(false);
    setRefused(refusal);
    if (refusal) field.current?.focus();
  };
  return (
    <form onSubmit={submit} noValidate>
      {refused && <Problem why={refused} />}
      <div class="field">
        <label for="token">Token</label>
        <input
          ref={field}
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          aria-describedby="token-hint"
        />
        <p class="hint" id="token-hint">
          It begins with “sst_”. It is sent to this server only.
        </p>
      </div>
      <label class="choice">
        <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.currentTarget.checked)} />
        Keep it in this tab until the tab is closed
      </label>
      <button type="submit" class="primary" aria-disabled={busy}>
        {busy ? "Logging in…" : "Log in"}
      </button>
    </form>
  );
}
