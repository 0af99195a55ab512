// The merchant's login: read by a click, masked, and forgotten after half a minute.
import { useEffect, useState } from "preact/hooks";
import { stores, UNARY } from "../api";
import type { GetCredentialsResponse } from "../contract";
import { refusalOf, type Refusal } from "../refusal";
import { noteRefusal } from "../session";
import { CopyButton } from "../ui/copy";
import { Dialog } from "../ui/dialog";
import { Outside, Problem } from "../ui/parts";

/** How long it is kept, in seconds. */
const KEPT = 30;

export function CredentialsDialog({ id, onClose }: { id: string; onClose(): void }) {
  const [found, setFound] = useState<GetCredentialsResponse>();
  const [why, setWhy] = useState<Refusal>();
  const [busy, setBusy] = useState(false);
  const read = async () => {
    if (busy) return;
    setBusy(true);
    setWhy(undefined);
    try {
      setFound(await stores.getCredentials({ id }, UNARY));
    } catch (error) {
      const refusal = refusalOf(error);
      noteRefusal(refusal);
      setWhy(refusal);
    }
    setBusy(false);
  };
  return (
    <Dialog title="The merchant's login" onClose={onClose}>
      {why && <Problem why={why} />}
      {found ? (
        <Shown found={found} onEnd={() => setFound(undefined)} />
      ) : (
        <p>
          The login to the administration of this shop. Who reads it is recorded in the store's history and in the
          audit.
        </p>
      )}
      <div class="answers">
        {!found && (
          <button type="button" class="primary" aria-disabled={busy} onClick={read}>
            {busy ? "Reading…" : why ? "Try again" : "Read it"}
          </button>
        )}
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Shown({ found, onEnd }: { found: GetCredentialsResponse; onEnd(): void }) {
  const [clear, setClear] = useState(false);
  const [left, setLeft] = useState(KEPT);
  useEffect(() => {
    const end = Date.now() + KEPT * 1000;
    const timer = setInterval(() => {
      const seconds = Math.ceil((end - Date.now()) / 1000);
      if (seconds <= 0) onEnd();
      else setLeft(seconds);
    }, 250);
    return () => clearInterval(timer);
  }, [found]);
  return (
    <>
      <dl class="facts">
        <dt>Address</dt>
        <dd>
          <Outside href={found.adminUrl}>{found.adminUrl}</Outside>
        </dd>
        <dt>User</dt>
        <dd>
          <code>{found.user}</code> <CopyButton text={found.user} what="the user" />
        </dd>
        <dt>Password</dt>
        <dd>
          <code class="secret">{clear ? found.password : "•".repeat(16)}</code>
          <button type="button" class="quiet small" aria-pressed={clear} onClick={() => setClear(!clear)}>
            {clear ? "Hide" : "Show"}
          </button>
          <CopyButton text={found.password} what="the password" />
        </dd>
      </dl>
      <p class="fine">
        This read is recorded. Hidden again in {left} s. The merchant may have changed the password in the shop since.
      </p>
    </>
  );
}
