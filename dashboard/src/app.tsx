// The frame around every page.
import { AuditPage } from "./audit/page";
import { CreatePage } from "./create/page";
import { FleetPage } from "./fleet/page";
import { Header } from "./header";
import { LoginPage, LoginOver } from "./login/login";
import { address, route } from "./route";
import { begin, session } from "./session";
import { StorePage } from "./store/page";
import { CreateTenantPage } from "./tenants/create";
import { TenantsPage } from "./tenants/list-page";
import { TenantPage } from "./tenants/page";
import { CreateTokenPage } from "./tokens/create";
import { TokensPage } from "./tokens/page";
import { TrendsPage } from "./trends/page";
import { Announcer } from "./ui/announce";
import { Link, PageTitle, Problem } from "./ui/parts";

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
    case "trends":
      return <TrendsPage />;
    case "audit":
      return <AuditPage query={at.query} />;
    case "tokens":
      return <TokensPage query={at.query} />;
    case "new-token":
      return <CreateTokenPage />;
    case "tenants":
      return <TenantsPage query={at.query} />;
    case "tenant":
      return <TenantPage key={at.id} id={at.id} />;
    case "new-tenant":
      return <CreateTenantPage />;
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
