// What is chosen instead of written: products, payment, taxes.
import type { FieldFault } from "../refusal";
import { CATALOGUES, PAYMENTS } from "../words";
import type { Draft, Field } from "./fields";
import { Fault, TextField } from "./text-field";

interface Props {
  draft: Draft;
  faults: FieldFault[];
  onChange(draft: Draft): void;
  onLeave(path: string): void;
}

const RATE: Field = {
  path: "spec.shop.tax_rate",
  label: "Standard rate of tax, in percent",
  hint: "In the shop's country, or in its state.",
  placeholder: "19",
  inputMode: "decimal",
};

export function Choices({ draft, faults, onChange, onLeave }: Props) {
  const fault = (path: string) => faults.find(({ field }) => field.startsWith(path))?.why;
  return (
    <>
      <fieldset class="field">
        <legend>Products</legend>
        {CATALOGUES.map(([catalogue, word]) => (
          <label key={catalogue} class="choice">
            <input type="radio" name="catalogue" checked={draft.catalogue === catalogue} onChange={() => onChange({ ...draft, catalogue })} />
            {word}
          </label>
        ))}
      </fieldset>
      <fieldset class="field">
        <legend>Payment</legend>
        {PAYMENTS.map(([method, word]) => (
          <label key={method} class="choice">
            <input
              type="checkbox"
              checked={draft.payments.includes(method)}
              onChange={(event) => {
                const others = draft.payments.filter((one) => one !== method);
                onChange({ ...draft, payments: event.currentTarget.checked ? [...others, method] : others });
              }}
            />
            {word}
          </label>
        ))}
        {!draft.payments.length && <p class="hint">With none chosen, the shop takes both.</p>}
        <Fault id="payment-fault" text={fault("spec.shop.payment_methods")} />
      </fieldset>
      <label class="choice">
        <input type="checkbox" checked={draft.taxes} onChange={(event) => onChange({ ...draft, taxes: event.currentTarget.checked })} />
        Calculate taxes
      </label>
      <Fault id="taxes-fault" text={fault("spec.shop.taxes")} />
      {draft.taxes && (
        <>
          <TextField
            field={RATE}
            text={draft.taxRate}
            fault={fault(RATE.path)}
            onInput={(taxRate) => onChange({ ...draft, taxRate })}
            onLeave={() => onLeave(RATE.path)}
          />
          <label class="choice">
            <input
              type="checkbox"
              checked={draft.pricesIncludeTax}
              onChange={(event) => onChange({ ...draft, pricesIncludeTax: event.currentTarget.checked })}
            />
            Prices are entered with tax
          </label>
        </>
      )}
    </>
  );
}
