// Asks before a token is revoked.
import { tokens, UNARY } from "../api";
import type { Token } from "../contract";
import { principal } from "../session";
import { announce } from "../ui/announce";
import { Confirm } from "../ui/confirm";
import { useSending } from "../ui/sending";

interface Props {
  token: Token;
  onRevoked(token: Token): void;
  onClose(): void;
}

export function RevokeDialog({ token, onRevoked, onClose }: Props) {
  const sending = useSending();
  const { id, name } = token;
  const revoke = async () => {
    const answer = await sending.send(() => tokens.revoke({ id }, UNARY));
    if (!answer) return;
    announce(`The token of ${name} is revoked`);
    if (answer.token) onRevoked(answer.token);
    onClose();
  };
  return (
    <Confirm
      title={`Revoke the token of ${name}?`}
      sending={sending}
      act={["Revoke it", "Revoking…"]}
      keep="Keep it"
      onConfirm={() => void revoke()}
      onClose={onClose}
    >
      <p>
        The next call with <code>{id}</code> is refused, and what it watches ends. It cannot be taken back; tokens that
        it has made stay valid.
      </p>
      {id === principal.value?.id && (
        <p>
          <strong>It is the token that you are logged in with.</strong> You need another one to go on.
        </p>
      )}
    </Confirm>
  );
}
