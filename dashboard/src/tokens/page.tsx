// The tokens that the reader may manage.
import { useState } from "preact/hooks";
import { tokens, UNARY } from "../api";
import type { Token } from "../contract";
import { List, ReadAgain, usePaged } from "../list/list";
import { parametersOf, placeOf, type Place } from "../list/place";
import { go, pathWith } from "../route";
import { may, principal } from "../session";
import { Icon } from "../ui/icon";
import { Forbidden, Link, PageTitle } from "../ui/parts";
import { RevokeDialog } from "./revoke";
import { TokenTable } from "./table";

const PAGE_SIZE = 50;
const path = (place: Place) => pathWith("/tokens", parametersOf(place));

export function TokensPage({ query }: { query: URLSearchParams }) {
  if (!may("tokens.manage")) return <Forbidden title="Tokens" cannot="manage tokens" />;
  return <Tokens place={placeOf(query)} />;
}

function Tokens({ place }: { place: Place }) {
  const read = async () => {
    const { tokens: items, nextPageToken } = await tokens.list({ pageSize: PAGE_SIZE, pageToken: place.after }, UNARY);
    return { items, next: nextPageToken };
  };
  const paged = usePaged(place.after, read, () => go("/tokens", true));
  const [revoking, setRevoking] = useState<Token>();
  const revoked = (token: Token) => {
    const page = paged.page.peek();
    if (page) paged.page.value = { ...page, items: page.items.map((one) => (one.id === token.id ? token : one)) };
    // The server says what it thinks of a reader without a token, and the login opens.
    if (token.id === principal.peek()?.id) void paged.load();
  };
  return (
    <>
      <div class="title">
        <PageTitle title="Tokens" />
        <ReadAgain paged={paged} what="tokens" />
        <Link href="/new-token" class="button primary">
          <Icon name="plus" />
          Make a token
        </Link>
      </div>
      <p class="lead">
        Each user and program has its own. Revoked tokens are listed for 7 days; those of the server's credentials file
        are not listed.
      </p>
      <List
        paged={paged}
        what="tokens"
        place={place}
        path={path}
        empty={() => <p>{place.page > 1 ? "There are no more tokens." : "There are no tokens yet."}</p>}
      >
        {(items) => <TokenTable tokens={items} onRevoke={setRevoking} />}
      </List>
      {revoking && <RevokeDialog token={revoking} onRevoked={revoked} onClose={() => setRevoking(undefined)} />}
    </>
  );
}
