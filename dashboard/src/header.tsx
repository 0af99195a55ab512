// The top of every page: where one can go, and who one is.
import { exact, ms } from "./clock";
import { Principal_Kind } from "./contract";
import { route, type Route } from "./route";
import { logOut, may, principal } from "./session";
import { Link } from "./ui/parts";
import { ThemeButton } from "./ui/theme";

interface Destination {
  href: string;
  word: string;
  /** The permission without which it is not drawn. */
  needs?: string;
  /** The pages that belong to it, its own first. */
  pages: Route["page"][];
}

const PLACES: Destination[] = [
  { href: "/", word: "Stores", pages: ["fleet", "store"] },
  { href: "/stores/new", word: "Create", needs: "stores.create", pages: ["create"] },
  { href: "/trends", word: "Trends", needs: "stores.read", pages: ["trends"] },
  { href: "/audit", word: "Audit", needs: "audit.read", pages: ["audit"] },
  { href: "/tokens", word: "Tokens", needs: "tokens.manage", pages: ["tokens", "new-token"] },
  { href: "/tenants", word: "Tenants", needs: "tenants.manage", pages: ["tenants", "tenant", "new-tenant"] },
];

function current(pages: Route["page"][]): "page" | "true" | undefined {
  const { page } = route.value;
  if (page === pages[0]) return "page";
  return pages.includes(page) ? "true" : undefined;
}

export function Header() {
  return (
    <header class="top">
      <Link href="/" class="brand" aria-label="SendStores, to the stores">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <rect width="24" height="24" rx="6" />
          <path d="M6 10.5h12l-1 7.5H7zM8.5 10.5a3.5 4 0 0 1 7 0" />
        </svg>
        SendStores
      </Link>
      {principal.value && (
        <nav aria-label="Main">
          {PLACES.filter(({ needs }) => !needs || may(needs)).map(({ href, word, pages }) => (
            <Link key={href} href={href} aria-current={current(pages)}>
              {word}
            </Link>
          ))}
        </nav>
      )}
      <Who />
      <ThemeButton />
    </header>
  );
}

function closeByEscape(event: KeyboardEvent & { currentTarget: HTMLDetailsElement }): void {
  if (event.key !== "Escape" || !event.currentTarget.open) return;
  event.currentTarget.open = false;
  event.currentTarget.querySelector("summary")?.focus();
}

function closeWhenLeft(event: FocusEvent & { currentTarget: HTMLDetailsElement }): void {
  const to = event.relatedTarget;
  if (!(to instanceof Node && event.currentTarget.contains(to))) event.currentTarget.open = false;
}

function Who() {
  const who = principal.value;
  if (!who) return null;
  const end = ms(who.expireTime);
  const anonymous = who.kind === Principal_Kind.ANONYMOUS;
  return (
    <details class="who" onKeyDown={closeByEscape} onFocusOut={closeWhenLeft}>
      <summary>
        <span class="name">{anonymous ? "everybody" : who.name}</span>
        <span class="role">{who.role}</span>
      </summary>
      <div class="menu" tabIndex={-1}>
        <dl class="facts">
          {who.id && (
            <>
              <dt>Token</dt>
              <dd>
                <code>{who.id}</code>
              </dd>
            </>
          )}
          <dt>Tenants</dt>
          <dd>{who.tenants.length ? who.tenants.join(", ") : "all"}</dd>
          {!anonymous && (
            <>
              <dt>Expires</dt>
              <dd>{end === undefined ? "never" : exact(end)}</dd>
            </>
          )}
          <dt>May</dt>
          <dd>{who.permissions.join(", ")}</dd>
        </dl>
        {anonymous ? (
          <p class="fine">This server needs no token.</p>
        ) : (
          <button type="button" onClick={logOut}>
            Log out
          </button>
        )}
      </div>
    </details>
  );
}
