// Small parts that every page uses.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { age, exact, now } from "../clock";
import type { Store_State } from "../contract";
import { explained, type Refusal } from "../refusal";
import { go } from "../route";
import { principal } from "../session";
import { lookOf, type Look } from "../words";
import { Icon, type IconName } from "./icon";

interface LinkProps {
  href: string;
  children: ComponentChildren;
  class?: string;
  "aria-current"?: "page" | "true";
  "aria-label"?: string;
}

/** A link within the dashboard: an ordinary one to the browser, without a load. */
export function Link({ href, children, ...rest }: LinkProps) {
  const click = (event: MouseEvent) => {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    event.preventDefault();
    go(href);
    scrollTo(0, 0);
  };
  return (
    <a href={href} onClick={click} {...rest}>
      {children}
    </a>
  );
}

/** A link to another site. What is no web address is shown as text. */
export function Outside({
  href,
  children,
  class: name,
}: {
  href: string;
  children: ComponentChildren;
  class?: string;
}) {
  if (!/^https?:\/\//i.test(href)) return <span>{children}</span>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer" class={name}>
      {children}
      <Icon name="open" />
      <span class="unseen"> (opens in a new tab)</span>
    </a>
  );
}

export function Badge({ look }: { look: Look }) {
  return (
    <span class={`badge ${look.tone}`}>
      <Icon name={look.icon} spin={look.icon === "progress"} />
      {look.word}
    </span>
  );
}

export const StateBadge = ({ state }: { state: Store_State }) => <Badge look={lookOf(state)} />;

/** How long ago, with the exact time for who asks. */
export function Ago({ time }: { time: number | undefined }) {
  if (time === undefined) return <span>–</span>;
  const text = age(time, now.value);
  return (
    <time dateTime={new Date(time).toISOString()} title={exact(time)}>
      {text === "now" ? "now" : `${text} ago`}
    </time>
  );
}

/** The heading of a page. It takes the focus when the reader comes to the page, so that a screen reader begins there. */
export function PageTitle({ title, children }: { title: string; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  useEffect(() => {
    document.title = `${title} · SendStores`;
  }, [title]);
  return (
    <h1 ref={heading} tabIndex={-1}>
      {children ?? title}
    </h1>
  );
}

/** What went wrong, and what to do about it. Stays until it is dealt with. */
export function Problem({ why, children }: { why: Refusal; children?: ComponentChildren }) {
  return (
    <div class="notice bad" role="alert">
      <Icon name="warning" />
      <div>
        <p>{why.message}</p>
        <p class="fine">
          {why.reason && <Outside href={explained(why.reason)}>{why.reason}</Outside>}
          {why.requestId && (
            <span>
              {" "}
              Call <code>{why.requestId}</code>
            </span>
          )}
        </p>
        {children}
      </div>
    </div>
  );
}

export function Notice({ tone, icon, children }: { tone: Look["tone"]; icon: IconName; children: ComponentChildren }) {
  return (
    <div class={`notice ${tone}`} role="status">
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  );
}

/** In the place of a page that the reader may not use. */
export function Forbidden({ title, cannot }: { title: string; cannot: string }) {
  return (
    <>
      <PageTitle title={title} />
      <Notice tone="idle" icon="key">
        <p>
          Your role, {principal.value?.role}, cannot {cannot}.
        </p>
      </Notice>
    </>
  );
}

/** One section of a page. */
export function Card({
  title,
  id,
  children,
  aside,
}: {
  title: string;
  id: string;
  children: ComponentChildren;
  aside?: ComponentChildren;
}) {
  return (
    <section class="card" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
