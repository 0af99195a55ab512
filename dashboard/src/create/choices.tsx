// What is chosen instead of written: products, payment, taxes.
import type { PaymentMethod } from "../contract";
import { CATALOGUES, PAYMENTS } from "../words";
import { Fault, TextField } from "../ui/text-field";
import { RATE, type Draft } from "./fields";
import type { Form } from "./form";

export function Choices({ form }: { form: Form }) {
  return (
    <>
      <Products form={form} />
      <Payments form={form} />
      <Taxes form={form} />
    </>
  );
}

const change = (form: Form, to: Partial<Draft>) => (form.draft.value = { ...form.draft.peek(), ...to });

const faultOf = (form: Form, path: string) => form.faults.value.find(({ field }) => field.startsWith(path))?.why;

function Products({ form }: { form: Form }) {
  return (
    <fieldset class="field">
      <legend>Products</legend>
      {CATALOGUES.map(([catalogue, word]) => (
        <label key={catalogue} class="choice">
          <input
            type="radio"
            name="catalogue"
            checked={form.draft.value.catalogue === catalogue}
            onChange={() => change(form, { catalogue })}
          />
          {word}
        </label>
      ))}
    </fieldset>
  );
}

function Payments({ form }: { form: Form }) {
  const { payments } = form.draft.value;
  const choose = (method: PaymentMethod, chosen: boolean) => {
    const others = payments.filter((one) => one !== method);
    change(form, { payments: chosen ? [...others, method] : others });
  };
  return (
    <fieldset class="field">
      <legend>Payment</legend>
      {PAYMENTS.map(([method, word]) => (
        <label key={method} class="choice">
          <input
            type="checkbox"
            checked={payments.includes(method)}
            onChange={(event) => choose(method, event.currentTarget.checked)}
          />
          {word}
        </label>
      ))}
      {!payments.length && <p class="hint">With none chosen, the shop takes both.</p>}
      <Fault id="payment-fault" text={faultOf(form, "spec.shop.payment_methods")} />
    </fieldset>
  );
}

function Taxes({ form }: { form: Form }) {
  const { taxes, taxRate, pricesIncludeTax } = form.draft.value;
  return (
    <>
      <label class="choice">
        <input
          type="checkbox"
          checked={taxes}
          onChange={(event) => change(form, { taxes: event.currentTarget.checked })}
        />
        Calculate taxes
      </label>
      <Fault id="taxes-fault" text={faultOf(form, "spec.shop.taxes")} />
      {taxes && (
        <>
          <TextField
            field={RATE}
            text={taxRate}
            fault={faultOf(form, RATE.path)}
            onInput={(text) => change(form, { taxRate: text })}
            onLeave={() => void form.check(RATE.path)}
          />
          <label class="choice">
            <input
              type="checkbox"
              checked={pricesIncludeTax}
              onChange={(event) => change(form, { pricesIncludeTax: event.currentTarget.checked })}
            />
            Prices are entered with tax
          </label>
        </>
      )}
    </>
  );
}
