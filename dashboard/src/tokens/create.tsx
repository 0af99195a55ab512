// A new token. Its text is shown once, and is in the memory of this page alone.
import { toBinary } from "@bufbuild/protobuf";
import { useMemo, useState } from "preact/hooks";
import { tokens, UNARY } from "../api";
import { TokenServiceCreateRequestSchema, type Principal, type TokenServiceCreateResponse } from "../contract";
import { RequestIds } from "../request-id";
import { may, principal } from "../session";
import { Form } from "../ui/form";
import { Icon } from "../ui/icon";
import { Forbidden, Link, PageTitle } from "../ui/parts";
import { useSending } from "../ui/sending";
import { TextField } from "../ui/text-field";
import { Abilities, Life, Roles } from "./choices";
import { MadeToken } from "./made";
import { EMPTY, requestOf, tenantsOf, type Draft } from "./request";

const TITLE = "Make a token";

export function CreateTokenPage() {
  const who = principal.value;
  if (!who || !may("tokens.manage")) return <Forbidden title={TITLE} cannot="make tokens" />;
  return <CreateToken who={who} />;
}

function CreateToken({ who }: { who: Principal }) {
  const [made, setMade] = useState<TokenServiceCreateResponse>();
  return (
    <div class="create">
      <p class="crumbs">
        <Link href="/tokens">
          <Icon name="back" />
          Tokens
        </Link>
      </p>
      {made ? <MadeToken made={made} /> : <TokenForm who={who} onMade={setMade} />}
    </div>
  );
}

/** The fields at which the form says what is wrong. */
const SHOWN = /^(name|role|tenants|abilities|life|never_expires)\b/;

function TokenForm({ who, onMade }: { who: Principal; onMade(made: TokenServiceCreateResponse): void }) {
  const sending = useSending();
  const ids = useMemo(() => new RequestIds(), []);
  const [draft, setDraft] = useState<Draft>(EMPTY);
  const change = (to: Partial<Draft>) => setDraft((before) => ({ ...before, ...to }));
  const send = async () => {
    const request = requestOf(draft, who);
    const requestId = ids.idOf(toBinary(TokenServiceCreateRequestSchema, request));
    const made = await sending.send(() => tokens.create({ ...request, requestId }, UNARY));
    if (made) onMade(made);
  };
  const needed = tenantsOf(draft.role);
  return (
    <>
      <PageTitle title={TITLE} />
      <p>It never allows more than your own: no permission that you lack, and no tenant that is not yours.</p>
      <Form
        sending={sending}
        shows={(field) => SHOWN.test(field)}
        submit={["Make the token", "Making it…"]}
        onSubmit={() => void send()}
        aside={
          <Link href="/tokens" class="button">
            Cancel
          </Link>
        }
      >
        <div class="card">
          <TextField
            field={{
              path: "name",
              label: "Name of its user",
              hint: "For logs and the history of stores, such as “alice” or “ci”.",
            }}
            text={draft.name}
            fault={sending.faultOf("name")}
            onInput={(name) => change({ name })}
          />
          <Roles who={who} chosen={draft.role} fault={sending.faultOf("role")} onChange={(role) => change({ role })} />
          {needed !== "none" && who.tenants.length !== 1 && (
            <TextField
              field={{
                path: "tenants",
                label: "Tenants",
                hint: `${emptyTenants(who, needed)} Ids, with commas between them.`,
                placeholder: "acme, bolt",
              }}
              text={draft.tenants}
              fault={sending.faultOf("tenants")}
              onInput={(tenants) => change({ tenants })}
            />
          )}
          <Life
            role={draft.role}
            chosen={draft.life}
            fault={sending.faultOf("life") ?? sending.faultOf("never_expires")}
            onChange={(life) => change({ life })}
          />
        </div>
        <Abilities
          who={who}
          role={draft.role}
          chosen={draft.abilities}
          fault={sending.faultOf("abilities")}
          onChange={(abilities) => change({ abilities })}
        />
      </Form>
    </>
  );
}

function emptyTenants(who: Principal, needed: "some" | "needed"): string {
  if (who.tenants.length) return "Empty: all of yours.";
  return needed === "some" ? "Empty: all stores." : "At least one.";
}
