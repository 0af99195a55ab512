// The settings that a shop started with.
import type { ShopSettings } from "../contract";
import { Card } from "../ui/parts";
import { CATALOGUES, PAYMENTS } from "../words";

export function SettingsCard({ shop }: { shop: ShopSettings }) {
  const taxes = shop.taxes
    ? `${shop.taxRate || "no standard rate"} %, prices ${shop.pricesIncludeTax ? "with" : "without"} tax`
    : "none";
  const payments = PAYMENTS.filter(([method]) => shop.paymentMethods.includes(method)).map(([, word]) => word);
  const catalogue = CATALOGUES.find(([value]) => value === shop.catalogue)?.[1] ?? "unknown";
  const facts: [string, string][] = [
    ["Title", shop.title],
    ["Merchant", `${shop.adminUser}, ${shop.adminEmail}`],
    ["Country", shop.country],
    ["Currency", shop.currency],
    ["Language", shop.locale],
    ["Time zone", shop.timezone],
    ["Taxes", taxes],
    ["Payment", payments.join(", ") || "none"],
    ["Shipping", `${shop.flatRate} ${shop.currency}`],
    ["Products", catalogue],
    ["Units", `${shop.weightUnit}, ${shop.dimensionUnit}`],
  ];
  return (
    <Card title="Settings at the start" id="settings">
      <dl class="facts">
        {facts.map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ))}
      </dl>
    </Card>
  );
}
