// The fields of the form: each is named as the contract names it, so that a refusal finds its field.
import { create } from "@bufbuild/protobuf";
import { Catalogue, CreateRequestSchema, Engine, PaymentMethod, type CreateRequest } from "../contract";
import type { Field } from "../ui/text-field";
import { labelsOf } from "./labels";
import { rulesOf } from "./rules";

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

/** A field with what the contract says of it: its default, its values, its limits. */
function field(path: string, label: string, hint: string, more: Partial<Field> = {}): Field {
  const { default: standard, enum: values, maxLength } = rulesOf(path);
  const choices = values && (() => values);
  return { path, label, hint, placeholder: standard, choices, longest: maxLength, ...more };
}

/** "kg, g, lbs or oz." */
function oneOf(path: string): string {
  const values = rulesOf(path).enum ?? [];
  return `${values.slice(0, -1).join(", ")} or ${values.at(-1)}.`;
}

const AS_RELEASED = "as the release has it";

export const GROUPS: Group[] = [
  {
    title: "Shop",
    open: true,
    fields: [
      field("spec.shop.title", "Title", "Shown on every page."),
      field("spec.shop.country", "Country", "Two letters, where needed with a state: DE, US:CA."),
      field("spec.shop.currency", "Currency", "Of all prices.", { choices: offered("currency") }),
      field("spec.shop.admin_email", "The merchant's e-mail address", "For orders and for a new password.", {
        placeholder: "admin@ and the shop's host",
        type: "email",
      }),
    ],
  },
  {
    title: "Language, time and units",
    open: false,
    fields: [
      field("spec.shop.locale", "Language", "A WordPress locale that the image has."),
      field("spec.shop.timezone", "Time zone", "Its IANA name.", { choices: offered("timeZone") }),
      field("spec.shop.weight_unit", "Weights in", oneOf("spec.shop.weight_unit")),
      field("spec.shop.dimension_unit", "Lengths in", oneOf("spec.shop.dimension_unit")),
    ],
  },
  {
    title: "Shipping",
    open: false,
    fields: [
      field("spec.shop.flat_rate", "Cost of shipping", "Of one order, in the shop's currency.", {
        inputMode: "decimal",
      }),
    ],
  },
  {
    title: "Release and volumes",
    open: false,
    fields: [
      field("spec.release", "Release", "One of those that the server offers.", { placeholder: "the default" }),
      field("spec.volumes.database_gib", "Volume of the database", "In GiB.", {
        placeholder: AS_RELEASED,
        inputMode: "numeric",
      }),
      field("spec.volumes.content_gib", "Volume of the uploads", "In GiB.", {
        placeholder: AS_RELEASED,
        inputMode: "numeric",
      }),
    ],
  },
  {
    title: "Name and owner of the store",
    open: false,
    fields: [
      field("store_id", "Id", "“store-” and small letters, digits and “-”. It cannot be changed later.", {
        placeholder: "chosen by the server",
      }),
      field("tenant", "Tenant", "Who owns the store.", { placeholder: "none" }),
      field("spec.shop.admin_user", "The merchant's login name", "For the administration of the shop."),
      field("labels", "Labels", "For your own use: key=value, with commas between them.", {
        placeholder: "team=a, campaign=spring",
        // The limit is that of each value.
        longest: undefined,
      }),
    ],
  },
];

/** Shown where taxes are calculated. */
export const RATE: Field = field(
  "spec.shop.tax_rate",
  "Standard rate of tax, in percent",
  "In the shop's country, or in its state.",
  { placeholder: rulesOf("spec.shop.tax_rate").examples?.[0], inputMode: "decimal" },
);

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

/** What is written in a field. */
export const textAt = (draft: Draft, path: string): string =>
  (path === RATE.path ? draft.taxRate : (draft.texts[path] ?? "")).trim();

/** A size in GiB; none is 0. What is no whole number becomes a size that no volume has, and the server says what it must be. */
export const gibOf = (text: string): number => (/^\d{0,9}$/.test(text) ? Number(text) : -1);

export function requestOf(draft: Draft): CreateRequest {
  const text = (path: string) => textAt(draft, path);
  const shop = (name: string) => text(`spec.shop.${name}`);
  const volumes = {
    databaseGib: gibOf(text("spec.volumes.database_gib")),
    contentGib: gibOf(text("spec.volumes.content_gib")),
  };
  return create(CreateRequestSchema, {
    storeId: text("store_id"),
    tenant: text("tenant"),
    labels: labelsOf(text("labels")),
    spec: {
      engine: Engine.WOOCOMMERCE,
      release: text("spec.release"),
      volumes: volumes.databaseGib || volumes.contentGib ? volumes : undefined,
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
