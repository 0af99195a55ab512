// The frame around every page.
import { address, route } from "./route";
import { begin, logOut, may, principal, session } from "./session";
import { CreatePage } from "./create/page";
import { FleetPage } from "./fleet/page";
import { LoginPage, LoginOver } from "./login/login";
import { StorePage } from "./store/page";
import { Announcer } from "./ui/announce";
import { exact, ms } from "./clock";
import { Link, PageTitle, Problem } from "./ui/parts";
import { ThemeButton } from "./ui/theme";
import { Principal_Kind } from "./contract";

export function App() {
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        <Main />
      </main>
      {session.value.is === "expired" && <LoginOver why={session.value.why} />}
      <Announcer />
    </>
  );
}

/** The address is the page's; the focus alone moves. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Main() {
  const state = session.value;
  switch (state.is) {
    case "starting":
      return (
        <p class="waiting" role="status">
          Asking the server who you are…
        </p>
      );
    case "unknown":
      return (
        <>
          <PageTitle title="The server does not answer" />
          <Problem why={state.why}>
            <button type="button" onClick={() => void begin()}>
              Try again
            </button>
          </Problem>
        </>
      );
    case "out":
      return <LoginPage why={state.why} />;
    default:
      return <Page />;
  }
}

function Page() {
  const at = route.value;
  switch (at.page) {
    case "fleet":
      return <FleetPage query={at.query} />;
    case "create":
      return <CreatePage />;
    case "store":
      return <StorePage key={at.id} id={at.id} />;
    case "none":
      return (
        <>
          <PageTitle title="There is no such page" />
          <p>
            <code>{address.value}</code> leads nowhere. <Link href="/">See the stores</Link>
          </p>
        </>
      );
  }
}

function Header() {
  const known = principal.value !== undefined;
  return (
    <header class="top">
      <Link href="/" class="brand" aria-label="SendStores, to the stores">
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <rect width="24" height="24" rx="6" />
          <path d="M6 10.5h12l-1 7.5H7zM8.5 10.5a3.5 4 0 0 1 7 0" />
        </svg>
        SendStores
      </Link>
      <nav aria-label="Main">
        {known && (
          <Link href="/" aria-current={route.value.page === "fleet" ? "page" : undefined}>
            Stores
          </Link>
        )}
        {known && may("stores.create") && (
          <Link href="/stores/new" aria-current={route.value.page === "create" ? "page" : undefined}>
            Create
          </Link>
        )}
      </nav>
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
