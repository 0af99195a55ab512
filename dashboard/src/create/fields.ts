// The fields of the form: each is named as the contract names it, so that a refusal finds its field.
import { create } from "@bufbuild/protobuf";
import { Catalogue, CreateRequestSchema, Engine, PaymentMethod, type CreateRequest } from "../contract";
import type { Field } from "../ui/text-field";

export interface Group {
  title: string;
  /** Whether it is open at first. */
  open: boolean;
  fields: Field[];
}

const offered = (key: "currency" | "timeZone") => () => {
  try {
    return Intl.supportedValuesOf(key);
  } catch {
    return [];
  }
};

export const GROUPS: Group[] = [
  {
    title: "Shop",
    open: true,
    fields: [
      { path: "spec.shop.title", label: "Title", hint: "Shown on every page.", placeholder: "My shop" },
      {
        path: "spec.shop.country",
        label: "Country",
        hint: "Two letters, where needed with a state: DE, US:CA.",
        placeholder: "US:CA",
      },
      {
        path: "spec.shop.currency",
        label: "Currency",
        hint: "Of all prices.",
        placeholder: "USD",
        choices: offered("currency"),
      },
      {
        path: "spec.shop.admin_email",
        label: "The merchant's e-mail address",
        hint: "For orders and for a new password.",
        placeholder: "admin@ and the shop's host",
        type: "email",
      },
    ],
  },
  {
    title: "Language, time and units",
    open: false,
    fields: [
      {
        path: "spec.shop.locale",
        label: "Language",
        hint: "A WordPress locale that the image has.",
        placeholder: "en_US",
      },
      {
        path: "spec.shop.timezone",
        label: "Time zone",
        hint: "Its IANA name.",
        placeholder: "UTC",
        choices: offered("timeZone"),
      },
      {
        path: "spec.shop.weight_unit",
        label: "Weights in",
        hint: "kg, g, lbs or oz.",
        placeholder: "kg",
        choices: () => ["kg", "g", "lbs", "oz"],
      },
      {
        path: "spec.shop.dimension_unit",
        label: "Lengths in",
        hint: "m, cm, mm, in or yd.",
        placeholder: "cm",
        choices: () => ["m", "cm", "mm", "in", "yd"],
      },
    ],
  },
  {
    title: "Shipping",
    open: false,
    fields: [
      {
        path: "spec.shop.flat_rate",
        label: "Cost of shipping",
        hint: "Of one order, in the shop's currency.",
        placeholder: "5.00",
        inputMode: "decimal",
      },
    ],
  },
  {
    title: "Name and owner of the store",
    open: false,
    fields: [
      {
        path: "store_id",
        label: "Id",
        hint: "“store-” and small letters, digits and “-”. It cannot be changed later.",
        placeholder: "chosen by the server",
      },
      { path: "tenant", label: "Tenant", hint: "Who owns the store.", placeholder: "none" },
      {
        path: "spec.shop.admin_user",
        label: "The merchant's login name",
        hint: "For the administration of the shop.",
        placeholder: "merchant",
      },
      {
        path: "labels",
        label: "Labels",
        hint: "For your own use: key=value, with commas between them.",
        placeholder: "team=a, campaign=spring",
      },
    ],
  },
];

/** What the form holds. */
export interface Draft {
  texts: Record<string, string>;
  payments: PaymentMethod[];
  catalogue: Catalogue;
  taxes: boolean;
  taxRate: string;
  pricesIncludeTax: boolean;
}

export const EMPTY: Draft = {
  texts: {},
  payments: [PaymentMethod.CASH_ON_DELIVERY, PaymentMethod.BANK_TRANSFER],
  catalogue: Catalogue.SAMPLE,
  taxes: false,
  taxRate: "",
  pricesIncludeTax: false,
};

/** "a=b, c" as a map. What has no "=" is a key without a value, and the server says what is wrong with it. */
export function labelsOf(text: string): Record<string, string> {
  const pairs = text
    .split(",")
    .map((pair) => pair.trim())
    .filter(Boolean);
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      return at < 0 ? [pair, ""] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    }),
  );
}

export function requestOf(draft: Draft): CreateRequest {
  const text = (path: string) => draft.texts[path]?.trim() ?? "";
  const shop = (name: string) => text(`spec.shop.${name}`);
  return create(CreateRequestSchema, {
    storeId: text("store_id"),
    tenant: text("tenant"),
    labels: labelsOf(text("labels")),
    spec: {
      engine: Engine.WOOCOMMERCE,
      shop: {
        title: shop("title"),
        adminEmail: shop("admin_email"),
        adminUser: shop("admin_user"),
        country: shop("country"),
        currency: shop("currency"),
        locale: shop("locale"),
        timezone: shop("timezone"),
        weightUnit: shop("weight_unit"),
        dimensionUnit: shop("dimension_unit"),
        flatRate: shop("flat_rate"),
        paymentMethods: draft.payments,
        catalogue: draft.catalogue,
        taxes: draft.taxes,
        taxRate: draft.taxes ? draft.taxRate.trim() : "",
        pricesIncludeTax: draft.taxes && draft.pricesIncludeTax,
      },
    },
  });
}
