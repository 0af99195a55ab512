// The table of tokens.
import { exact, ms, now } from "../clock";
import type { Token } from "../contract";
import { auditPath } from "../audit/query";
import { principal } from "../session";
import { Ago, Badge, Link } from "../ui/parts";
import { actorOf, type Look } from "../words";

const VALID: Look = { word: "Valid", icon: "check", tone: "good" };
const EXPIRED: Look = { word: "Expired", icon: "pause", tone: "idle" };
const REVOKED: Look = { word: "Revoked", icon: "cross", tone: "gone" };

function lookOf(token: Token): Look {
  const end = ms(token.expireTime);
  if (token.revokeTime) return REVOKED;
  return end !== undefined && end <= now.value ? EXPIRED : VALID;
}

export function TokenTable({ tokens, onRevoke }: { tokens: Token[]; onRevoke(token: Token): void }) {
  return (
    <table class="list tokens">
      <caption class="unseen">Tokens</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" class="mid">
            Role
          </th>
          <th scope="col" class="wide">
            Tenants
          </th>
          <th scope="col">State</th>
          <th scope="col" class="wide">
            Made
          </th>
          <th scope="col">
            <span class="unseen">Revoke</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {tokens.map((token) => (
          <Row key={token.id} token={token} onRevoke={onRevoke} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ token, onRevoke }: { token: Token; onRevoke(token: Token): void }) {
  const look = lookOf(token);
  return (
    <tr>
      <th scope="row">
        <Link href={auditPath({ who: token.id })}>
          {token.name}
          <span class="unseen">: what it did</span>
        </Link>
        {token.id === principal.value?.id && <span class="fine"> yours</span>}
        <span class="under">
          <code>{token.id}</code>
        </span>
        <span class="under slim">
          {token.role}
          {token.tenants.length > 0 && ` of ${token.tenants.join(", ")}`}
        </span>
      </th>
      <td class="mid">
        {token.role}
        {token.abilities.length > 0 && <span class="under">only {token.abilities.join(", ")}</span>}
      </td>
      <td class="wide">{token.tenants.join(", ") || "all"}</td>
      <td>
        <Badge look={look} />
        <End token={token} />
      </td>
      <td class="wide">
        <Ago time={ms(token.createTime)} />
        {token.creator && <span class="under">by {actorOf(token.creator).name}</span>}
      </td>
      <td>
        {look !== REVOKED && (
          <button
            type="button"
            class="danger small"
            aria-label={`Revoke ${token.name}, ${token.id}`}
            onClick={() => onRevoke(token)}
          >
            Revoke
          </button>
        )}
      </td>
    </tr>
  );
}

/** When it ended, or will. */
function End({ token }: { token: Token }) {
  const [revoked, end] = [ms(token.revokeTime), ms(token.expireTime)];
  if (revoked !== undefined) {
    return (
      <span class="under">
        <Ago time={revoked} />
      </span>
    );
  }
  return <span class="under">{end === undefined ? "without an end" : `until ${exact(end)}`}</span>;
}
