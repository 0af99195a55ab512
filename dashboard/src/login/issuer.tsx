// The button that leads to the issuer, where the server has one.
import { useEffect, useState } from "preact/hooks";
import { address } from "../route";
import { Problem } from "../ui/parts";
import { useSending } from "../ui/sending";
import { findClient, leave, type Client } from "./oidc";

export function IssuerLogin() {
  const [client, setClient] = useState<Client>();
  const sending = useSending();
  useEffect(() => void findClient().then(setClient), []);
  if (!client) return null;
  // Without TLS a browser has no SHA-256, which the login needs.
  if (!isSecureContext) return <p class="fine">Login at {hostOf(client)} needs an https address of this page.</p>;
  const busy = sending.busy.value;
  return (
    <div class="issuer">
      {sending.why.value && <Problem why={sending.why.value} />}
      <button
        type="button"
        class="primary"
        aria-disabled={busy}
        onClick={() => void sending.send(() => leave(client, address.peek()))}
      >
        {busy ? "One moment…" : `Log in at ${hostOf(client)}`}
      </button>
      <p class="fine">or with a token:</p>
    </div>
  );
}

const hostOf = (client: Client): string => new URL(client.issuer).host;
