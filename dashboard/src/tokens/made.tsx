// The text of a token that was just made. It is shown once: this page is the only place that has it.
import { exact, ms } from "../clock";
import type { TokenServiceCreateResponse } from "../contract";
import { CopyButton } from "../ui/copy";
import { Link, Notice, PageTitle } from "../ui/parts";

export function MadeToken({ made: { token, text } }: { made: TokenServiceCreateResponse }) {
  const name = token?.name ?? "";
  if (!text) return <Lost id={token?.id ?? ""} name={name} />;
  const end = ms(token?.expireTime);
  return (
    <>
      <PageTitle title={`The token of ${name}`} />
      <Notice tone="warn" icon="key">
        <p>
          <strong>Copy it now.</strong> It is not shown again, and the server does not keep it. If it is lost, revoke
          the token and make another.
        </p>
      </Notice>
      <div class="card">
        <p class="fine" id="token-text">
          The text
        </p>
        <p class="text">
          <code aria-labelledby="token-text" role="group">
            {text}
          </code>
          <CopyButton text={text} what="the token" />
        </p>
        <dl class="facts">
          <dt>Id</dt>
          <dd>
            <code>{token?.id}</code>
          </dd>
          <dt>Role</dt>
          <dd>{token?.role}</dd>
          <dt>Tenants</dt>
          <dd>{token?.tenants.join(", ") || "all"}</dd>
          <dt>Expires</dt>
          <dd>{end === undefined ? "never" : exact(end)}</dd>
        </dl>
      </div>
      <Link href="/tokens" class="button">
        I have it: to the tokens
      </Link>
    </>
  );
}

/** An earlier try has made it, and its response was lost. */
function Lost({ id, name }: { id: string; name: string }) {
  return (
    <>
      <PageTitle title="The token's text is lost" />
      <Notice tone="warn" icon="warning">
        <p>
          The first response did not arrive, and the text was in it alone. Revoke <code>{id}</code> ({name}) in the list
          of tokens, and make another.
        </p>
      </Notice>
      <Link href="/tokens" class="button">
        To the tokens
      </Link>
    </>
  );
}
